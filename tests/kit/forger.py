"""A provider of OpenID Connect that lies: its document, its keys and its tokens are whatever a test wants."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwk, jws


@cache
def own_key() -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


class Forger:
    """Answers `answers[path]`: a status and a document. `asked` has the paths that were asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[str] = []
        forger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                forger.asked.append(self.path)
                status, document = forger.answers.get(self.path, (404, {}))
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 as the library calls it

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        }
        self.key = own_key()
        self.tell()

    def tell(self, *keys: jwk.Key) -> None:
        """Publish the document and the keys, by default the own key."""
        self.answers["/.well-known/openid-configuration"] = 200, self.document
        public = [key.as_dict(private=False) for key in keys or (self.key,)]
        self.answers["/keys"] = 200, {"keys": public}

    def give(self, claims: Any, key: Any = None, **header: Any) -> None:
        """Give the next token for a code, with these claims, signed by the key, by default the own key."""
        used = self.key if key is None else key
        told = {"alg": "RS256", "kid": "first", **header}
        token = jws.serialize_compact(told, json.dumps(claims).encode(), used, algorithms=[told["alg"]])
        self.answers["/token"] = 200, {"id_token": token}

    @contextmanager
    def running(self) -> Iterator["Forger"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
