"""Tables of people."""

from people.models.absence import Absence
from people.models.api_key import ApiKey
from people.models.login_pause import LoginPause
from people.models.skill import Skill, UserSkill
from people.models.team import Team, TeamMembership
from people.models.user import User

__all__ = ["Absence", "ApiKey", "LoginPause", "Skill", "Team", "TeamMembership", "User", "UserSkill"]
