"""Tables of people."""

from people.models.api_key import ApiKey
from people.models.login_pause import LoginPause
from people.models.team import Team, TeamMembership
from people.models.user import User

__all__ = ["ApiKey", "LoginPause", "Team", "TeamMembership", "User"]
