"""What each web process runs. Granian loads this module there, so that the parent stays small."""

import os

from samplebank import logs, settings
from samplebank.api.app import make_app
from samplebank.api.log import Observed
from samplebank.assembly import open_bank
from samplebank.serving.parent import stop_with_parent


def application() -> Observed:
    stop_with_parent()
    own = settings.load(os.environ)
    logs.set_up(own.log_format)
    return make_app(open_bank(own, own.database_url or ""))
