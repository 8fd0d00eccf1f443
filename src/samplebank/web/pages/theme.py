"""Dark or light: as the visitor chose, else as the system of the visitor says."""

from typing import Final

from litestar import Response, post

from samplebank.errors import invalid
from samplebank.http.operation import OPEN
from samplebank.web.pages.login import ours
from samplebank.web.visit import THEME, THEMES, Visit

#: a year, in seconds
KEPT: Final = 365 * 24 * 3600
NO_THEME: Final = "There is no such theme: choose light or dark, or leave the choice to the system."


@post("/theme", opt=OPEN, status_code=303)
async def choose_theme(request: Visit) -> Response[bytes]:
    """Keep the choice in a cookie, which the server reads: no page shows the other theme first, and scripts are not needed."""
    form = await request.read_form()
    given = {name: values[0] for name, values in form.items()}
    theme = given.get("theme", "")
    if theme not in THEMES:
        raise invalid("theme", NO_THEME)
    secure = "; Secure" if request.is_secure else ""
    lasts = KEPT if theme else 0
    cookie = f"{THEME}={theme}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax{secure}"
    return request.to(ours(given.get("next", "/"))[1:], cookies=(cookie,))


ROUTES = [choose_theme]
