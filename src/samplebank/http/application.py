"""An application of Litestar without the plugins for types that the service does not use."""

from litestar import Litestar
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin


class LeanApplication(Litestar):
    """Litestar loads plugins for pydantic and attrs wherever these libraries are installed, as other libraries need both.

    The plugins take a quarter of a second of each start, and look at the types of each route.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]
