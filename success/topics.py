"""What outreach mails are about; contacts agree to each topic on its own."""

from django.utils.translation import gettext_lazy as _

TOPICS = [
    ("success", _("Help from your success manager")),
    ("product", _("News about the product")),
    ("survey", _("Questions about your experience")),
]
