"""Names of colleagues and teams for lists, kept in the process."""

from core.kept_rows import KeptNames
from people.models import Team, User

user_name = KeptNames(lambda: {user.pk: str(user) for user in User.objects.only("name", "email")}, User).name
team_name = KeptNames(lambda: dict(Team.objects.values_list("pk", "name")), Team).name
