"""A small OIDC issuer on loopback: discovery, keys that can be rotated, tokens with any claims."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key

from synthmill_schemas.base import now

AUDIENCE = "synthmill"


@dataclass
class SmallIssuer:
    """`asked` counts requests by path; `away` makes it answer 503."""

    url: str = ""
    keys: dict[str, EllipticCurvePrivateKey] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    away: bool = False

    def new_key(self, key_id: str) -> EllipticCurvePrivateKey:
        """A key that it has from now on, beside those it had."""
        self.keys[key_id] = generate_private_key(SECP256R1())
        return self.keys[key_id]

    def token(self, key_id: str = "one", **claims: Any) -> str:  # noqa: ANN401  claims of any kind
        """Signed by that key; a claim that is None is left out."""
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "exp": now() + timedelta(minutes=5),
            "tenant": "acme",
            "roles": ["viewer"],
        }
        told = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(told, self.keys[key_id], "ES256", headers={"kid": key_id})

    def page(self, path: str) -> dict[str, Any] | None:
        """What it serves there."""
        self.asked[path] = self.asked.get(path, 0) + 1
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [self.public(key_id) for key_id in self.keys]} if path == "/keys" else None

    def public(self, key_id: str) -> dict[str, Any]:
        """A key as it is published."""
        public: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(self.keys[key_id].public_key(), as_dict=True)
        return {**public, "kid": key_id, "use": "sig", "alg": "ES256"}


@contextmanager
def small_issuer() -> Iterator[SmallIssuer]:
    """Listens until the end, with one key called `one`."""
    issuer = SmallIssuer()
    issuer.new_key("one")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = None if issuer.away else issuer.page(self.path)
            self.send_response(503 if issuer.away else 404 if page is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(page).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            serving.join()
