"""Signatures are those of the Standard Webhooks specification."""

import base64

from synthmill.webhooks.signing import headers, new_secret, signature

# the specification's own example
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, MOMENT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_specifications_example_is_signed_as_it_says() -> None:
    assert signature(SECRET, ID, MOMENT, BODY) == SIGNED


def test_a_request_carries_a_signature_for_each_secret() -> None:
    told = headers([new_secret(), SECRET], ID, MOMENT, BODY)
    assert (told["webhook-id"], told["webhook-timestamp"]) == (ID, str(MOMENT))
    first, second = told["webhook-signature"].split(" ")
    assert (first != SIGNED, second) == (True, SIGNED)


def test_secrets_are_long_and_never_the_same() -> None:
    one, other = new_secret(), new_secret()
    assert one != other
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
