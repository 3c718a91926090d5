"""Who comes in: keys by roles, sessions that end with them, and pages of other sites kept out."""

import stat
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from running_board import serving

from vigil.board.access import (
    STRANGER,
    KeyRing,
    Visitor,
    access_words,
    anonymous_visitor,
    session_secret,
)
from vigil.config import Settings, load_settings
from vigil.errors import ConfigError, StoreError
from vigil.stores.api_keys import KeyStore


@pytest.fixture(scope="module")
def keys(engine: sa.Engine) -> KeyStore:
    return KeyStore(engine)


@pytest.fixture(scope="module")
def locked(own_estate: Settings) -> Iterator[str]:
    """Address of a board that asks for keys."""
    with serving(own_estate, anonymous=STRANGER) as address:
        yield address


@pytest.fixture
def web(locked: str, keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A browser without a session; keys are read afresh for each question."""
    read_at_once(monkeypatch)
    with httpx.Client(base_url=locked, timeout=30) as client:
        yield client


def read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REFRESH_S", "LOOK_AGAIN_S"):
        monkeypatch.setattr(f"vigil.board.access.{name}", 0.0)


def sign_in(web: httpx.Client, token: str) -> httpx.Response:
    return web.post("/api/session", json={"token": token})


def test_a_stranger_sees_the_door_and_nothing_behind_it(web):
    """The page comes, its questions are refused with what to do."""
    assert web.get("/").status_code == 200
    assert web.get("/api/session").json()["may"] == []
    for path in ("/api/changes", "/api/incidents/some", "/api/series/7", "/api/service"):
        response = web.get(path)
        assert response.status_code == 401, path
        assert response.json() == {"error": "sign in with a key first"}
    assert web.post("/api/incidents/some/acknowledge").status_code == 401


def test_a_viewer_looks_and_may_not_act(web, keys):
    """The refusal says who it is and what the role is."""
    key_id, token = keys.create("ann", "viewer")
    told = sign_in(web, token).json()
    assert told == {
        "name": f"ann ({key_id})", "role": "viewer", "signed_in": True, "may": ["read"],
    }  # fmt: skip
    assert web.get("/api/incidents/none").status_code == 404
    response = web.post("/api/incidents/some/acknowledge")
    assert response.status_code == 403
    assert response.json() == {"error": f"ann ({key_id}) is a viewer and may not do this"}


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(web, keys):
    """HttpOnly and SameSite=Strict; the key itself is not in it."""
    _, token = keys.create("ann", "viewer")
    cookie = sign_in(web, token).headers["set-cookie"]
    assert cookie.startswith("vigil_session=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert token.split("_", 2)[2] not in cookie
    assert "secure" not in cookie


def test_a_session_whose_signature_is_wrong_is_none(web, keys):
    """Nobody makes one for themselves."""
    _, token = keys.create("ann", "admin")
    sign_in(web, token)
    forged = web.cookies["vigil_session"]
    web.cookies.clear()
    web.cookies.set("vigil_session", forged[:-3] + "abc")
    assert web.get("/api/session").json()["may"] == []


def test_a_revoked_key_ends_its_sessions(web, keys):
    """Not only new ones."""
    key_id, token = keys.create("ann", "viewer")
    sign_in(web, token)
    assert web.get("/api/session").json()["signed_in"]
    keys.revoke(key_id)
    assert not web.get("/api/session").json()["signed_in"]
    assert web.get("/api/incidents/none").status_code == 401


def test_signing_out_forgets_the_session(web, keys):
    """The cookie is taken back."""
    _, token = keys.create("ann", "viewer")
    sign_in(web, token)
    assert web.delete("/api/session").json()["signed_in"] is False
    assert web.get("/api/session").json()["may"] == []


@pytest.mark.parametrize(
    ("role", "tenant", "said"),
    [
        ("sender", None, "is a sender's and may not look"),
        ("operator", "shop", "is bound to tenant shop"),
    ],
)
def test_a_key_that_does_not_open_the_board_says_why(web, keys, role, tenant, said):
    """Senders' keys, and those of one tenant: the board shows all."""
    _, token = keys.create("checkout", role, tenant)
    response = sign_in(web, token)
    assert response.status_code == 401
    assert said in response.json()["error"]
    wrong = sign_in(web, token[:-1])
    assert wrong.status_code == 401
    assert "this is no valid key" in wrong.json()["error"]


def test_a_program_shows_its_key_with_each_question(web, keys):
    """Bearer tokens, as for the receiver."""
    _, token = keys.create("cron", "viewer")
    headers = {"Authorization": f"Bearer {token}"}
    assert web.get("/api/incidents/none", headers=headers).status_code == 404
    response = web.get("/api/incidents/none", headers={"Authorization": "Bearer vigil_1_2"})
    assert response.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
    ],
)
def test_a_page_of_another_site_changes_nothing(web, headers):
    """Browsers say where a request comes from, also to a board that asks for no key."""
    response = web.post("/api/session", json={"token": "x"}, headers=headers)
    assert response.status_code == 403
    assert "another site" in response.json()["error"]


def test_a_session_outlives_a_restart_of_the_server(own_estate, keys, web):
    """The secret is kept in the home folder, for its owner only."""
    _, token = keys.create("ann", "viewer")
    sign_in(web, token)
    cookies = dict(web.cookies)
    with serving(own_estate, anonymous=STRANGER) as address:
        again = httpx.get(f"{address}/api/session", cookies=cookies).json()
        assert again["signed_in"] is True
    mode = (own_estate.home / "board.secret").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_home_that_takes_no_secret_is_named(tmp_path):
    """A file where the folder should be."""
    (tmp_path / "home").write_text("")
    with pytest.raises(ConfigError, match="cannot hold the board's secret"):
        session_secret(tmp_path / "home")


def test_without_a_database_a_locked_board_says_that_it_is_down(tmp_path):
    """It cannot know who comes, so it lets nobody in."""
    settings = load_settings(home=tmp_path, store_url="postgresql://nobody@127.0.0.1:1/none")
    with serving(settings, anonymous=STRANGER) as address:
        headers = {"Authorization": "Bearer vigil_1_2"}
        response = httpx.get(f"{address}/api/incidents/some", headers=headers, timeout=30)
        assert response.status_code == 503
        assert "the database" in response.json()["error"]


class FakeStore:
    """A store that goes down."""

    def __init__(self) -> None:
        self.down = False

    def all(self) -> dict:
        if self.down:
            raise StoreError("down")
        return {}


def test_an_outage_of_the_database_keeps_the_last_keys(monkeypatch):
    """As the receiver does; only a ring that never read any cannot answer."""
    read_at_once(monkeypatch)
    store = FakeStore()
    ring = KeyRing(lambda: store)  # type: ignore[arg-type, return-value]
    assert ring.by_id("1") is None
    store.down = True
    assert ring.by_id("1") is None
    with pytest.raises(StoreError):
        KeyRing(lambda: store).by_id("1")  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("no_keys", "everybody", "visitor", "said"),
    [
        (True, False, Visitor("ann", "operator", False), "may look and act, as ann"),
        (False, True, Visitor("somebody", "viewer", False), "may look without a key"),
        (False, False, STRANGER, "A key is needed"),
    ],
)
def test_who_may_come_without_a_key_is_said_aloud(no_keys, everybody, visitor, said):
    """On this machine everybody, beyond it nobody, or whoever looks only."""
    found = anonymous_visitor("ann", no_keys, everybody)
    assert found == visitor
    assert said in access_words(found)
