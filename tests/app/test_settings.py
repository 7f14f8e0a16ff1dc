"""Settings: the file, then the environment, then flags; each value knows its source, a wrong one is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from shunfu.app.settings import KNOBS, Raw, Settings, describe, load
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.secret import Secret

CANARY = "canary-c35d"


def write(folder: Path, text: str) -> Path:
    path = folder / "shunfu.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_nothing() -> None:
    found = load({}, {})
    assert set(found.values) == set(found.sources) == set(KNOBS)
    assert set(found.sources.values()) == {"default"}
    assert (found.text("host"), found.whole("port"), found.public_url) == ("127.0.0.1", 8700, "http://127.0.0.1:8700")
    assert found.key_file == found.data_folder / "keys.json"
    assert found.secret("database_url") is None
    assert found.user is None


@pytest.mark.parametrize(
    ("file", "environment", "flag", "port", "source"),
    [
        (None, None, None, 8700, "default"),
        (1, None, None, 1, "shunfu.toml"),
        (None, 2, None, 2, "SHUNFU_PORT"),
        (None, None, 3, 3, "flag"),
        (1, 2, None, 2, "SHUNFU_PORT"),
        (1, None, 3, 3, "flag"),
        (None, 2, 3, 3, "flag"),
        (1, 2, 3, 3, "flag"),
    ],
)
def test_the_nearest_layer_wins(
    tmp_path: Path, file: int | None, environment: int | None, flag: int | None, port: int, source: str
) -> None:
    path = write(tmp_path, f"port = {file}\n" if file else "")
    found = load({"port": flag}, {"SHUNFU_PORT": str(environment)} if environment else {}, path)
    assert (found.whole("port"), found.sources["port"]) == (port, source)
    assert found.sources["host"] == "default"


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'host = "::1"\nport = 9\n')
    found = load({}, {"SHUNFU_CONFIG": str(path)})
    assert found.sources["host"] == "shunfu.toml"
    assert found.public_url == "http://[::1]:9"


UNKNOWN: list[tuple[dict[str, Raw | None], dict[str, str], str, str]] = [
    ({}, {}, "prot = 1", "no setting 'prot' .from shunfu.toml"),
    ({}, {}, "[server]\nport = 1", "no setting 'server'"),
    ({}, {}, "PORT = 1", "no setting 'PORT'"),
    ({}, {"SHUNFU_PROT": "1"}, "", "no setting 'prot' .from environment"),
    ({}, {"SHUNFU_": "1"}, "", "no setting ''"),
    ({}, {"SHUNFU_CONFIGURATION": "x"}, "", "no setting 'configuration'"),
    ({"prot": 1}, {}, "", "no setting 'prot' .from flag"),
]


@pytest.mark.parametrize(("flags", "environment", "text", "words"), UNKNOWN)
def test_an_unknown_key_is_an_error(
    tmp_path: Path, flags: dict[str, Raw | None], environment: dict[str, str], text: str, words: str
) -> None:
    with pytest.raises(SetupFault, match=words):
        load(flags, environment, write(tmp_path, text))


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    environment = {
        "SHUNFU_TEST_DATABASE_URL": "x",
        "SHUNFU_TEST_": "",
        "PORT": "1",
        "shunfu_port": "1",
        "XSHUNFU_PORT": "1",
    }
    found = load({}, environment, write(tmp_path, ""))
    assert set(found.sources.values()) == {"default"}


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", "\0", "=", "[", "port = 1 2"])
def test_a_file_that_is_no_toml(tmp_path: Path, text: str) -> None:
    with pytest.raises(SetupFault, match="cannot be read"):
        load({}, {}, write(tmp_path, text))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b"\xff")
    with pytest.raises(SetupFault, match="cannot be read"):
        load({}, {}, path)
    with pytest.raises(SetupFault, match="cannot be read"):
        load({}, {}, tmp_path)
    with pytest.raises(SetupFault, match="is missing"):
        load({}, {}, tmp_path / "other.toml")
    with pytest.raises(SetupFault, match="is missing"):
        load({}, {"SHUNFU_CONFIG": str(tmp_path / "other.toml")})


ANYWHERE = ["", "x y", "-1", "1.5", "01x", "１０", "٣", "0x10", "1e1", "nan", "true", " 1", "9" * 30, "9" * 5000]
BAD: dict[str, list[str]] = {
    "port": [*ANYWHERE, "0", "65536"],
    "pool_size": [*ANYWHERE, "1", "201"],
    "signing_threads": [*ANYWHERE, "0", "65"],
    "retention_idempotency_days": [*ANYWHERE, "0", "3651"],
    "retention_bodies_days": [*ANYWHERE, "0", "3651"],
    "retention_jobs_days": [*ANYWHERE, "0", "3651"],
    "telemetry_days": [*ANYWHERE, "0", "366"],
    "telemetry_rate": ["", "x", "nan", "-0.1", "1.1", "1e0", "true"],
    "refund_approval_above_minor": [*ANYWHERE, "100000000000"],
    "janitor_divisor": ["", "x", "nan", "inf", "0", "-1", "0.999", "1000.1", "1,5", "true", "１", "1_0", "1e2", " 2"],
    "janitor_pending_seconds": ["", "x", "nan", "inf", "-0.1", "3600.1", "true"],
    "log_format": ["", "xml", "JSON", "text ", "json,text"],
    "webhooks_allow_private": ["", "yes", "1", "True", "TRUE", "on", "false "],
    "public_url": [
        "",
        "x",
        "ftp://a",
        "http://",
        "https:///",
        "pay.example.com",
        "https://a?b=c",
        "https://a#b",
        "//a",
    ],
    "host": [""],
    "oidc_issuer": ["", "x", "http://login.example.com", "https://", "https://a?b=c", "https://a#b"],
    "oidc_client_id": [""],
    "oidc_client_secret": [""],
    "oidc_trusts_amr": ["", "yes", "1", "True"],
    "user": [""],
    "trusted_proxies": ["", ",", "x", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1 10.0.0.2", "localhost", "1.2.3", "*"],
    **{
        f"limit_{what}_per_minute": [*ANYWHERE, "1000001"]
        for what in ("address", "key", "login", "sign_in", "failures")
    },
    "shopper_session_minutes": [*ANYWHERE, "4", "1441"],
    **{f"{what}_seconds": [*ANYWHERE, "0", "601"] for what in ("request", "handling", "keep_alive")},
    "connections_max": [*ANYWHERE, "0", "100001"],
    "hsts_seconds": [*ANYWHERE, "315360001"],
    "hsts_subdomains": ["", "yes", "1", "True"],
    "cors_origins": [
        "",
        "*",
        "null",
        "shop.example.com",
        "http://shop.example.com",
        "https://",
        "https://a/",
        "https://a/b",
    ],
    "metrics_port": [*ANYWHERE, "65536"],
    "metrics_host": [""],
    "metrics_token": [""],
    "otel_endpoint": ["", "x", "ftp://a", "https://a?b=c"],
    "otel_sample": ["", "x", "nan", "-0.1", "1.1"],
    "backup_hour": [*ANYWHERE, "24", "Off", "off "],
    "backup_keep": [*ANYWHERE, "0", "1001"],
    "archive_timeout_seconds": [*ANYWHERE, "0", "3601"],
    "backup_folder": [""],
    "data_folder": [""],
    "key_file": [""],
    "keys": [""],
    "kms_command": [""],
    "kms_timeout_seconds": ["", "x", "nan", "inf", "0", "0.09", "60.1", "-1", "true"],
    "kms_wraps": ["", "yes", "1", "True"],
    **{f"{what}_days": [*ANYWHERE, "0", "3651"] for what in ("api_key", "key", "credential")},
    "audit_anchor_file": [""],
    "database_url": [""],
    "migration_url": [""],
}


def test_every_knob_has_bad_values() -> None:
    assert set(BAD) == set(KNOBS)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_bad_value_in_the_environment(name: str, text: str) -> None:
    with pytest.raises(SetupFault) as caught:
        load({}, {f"SHUNFU_{name.upper()}": text})
    assert str(caught.value).startswith(f"The setting {name!r} (from environment) must be ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


OTHER_KINDS = ["[1]", "{}", "{a=1}", "[]", "1979-05-27", "nan", "true", "''"]
RIGHT_KIND = {
    ("hsts_subdomains", "true"),
    ("kms_wraps", "true"),
    ("oidc_trusts_amr", "true"),
    ("webhooks_allow_private", "true"),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in sorted(KNOBS) for value in OTHER_KINDS if (name, value) not in RIGHT_KIND],
)
def test_a_value_of_another_kind_in_the_file(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SetupFault, match=rf"'{name}' \(from shunfu.toml\) must be"):
        load({}, {}, write(tmp_path, f"{name} = {value}\n"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "65535", 65535),
        ("port", "1", 1),
        ("janitor_divisor", "20", 20.0),
        ("janitor_divisor", "1.5", 1.5),
        ("janitor_pending_seconds", "0", 0.0),
        ("log_format", "json", "json"),
        ("webhooks_allow_private", "true", True),
        ("webhooks_allow_private", "false", False),
        ("public_url", "https://pay.example.com/", "https://pay.example.com"),
        ("public_url", "https://pay.example.com/base", "https://pay.example.com/base"),
        ("user", "shunfu", "shunfu"),
        ("data_folder", "/srv/shunfu", Path("/srv/shunfu")),
    ],
)
def test_a_good_value(name: str, text: str, value: object) -> None:
    found = load({}, {f"SHUNFU_{name.upper()}": text})
    assert found.values[name] == value
    assert found.sources[name] == f"SHUNFU_{name.upper()}"


def test_numbers_of_the_file_are_numbers(tmp_path: Path) -> None:
    found = load({}, {}, write(tmp_path, "port = 80\njanitor_divisor = 20\njanitor_pending_seconds = 0.5\n"))
    assert (found.whole("port"), found.number("janitor_divisor"), found.number("janitor_pending_seconds")) == (
        80,
        20,
        0.5,
    )


@pytest.mark.parametrize("name", ["database_url", "migration_url"])
def test_secrets_print_as_stars(tmp_path: Path, name: str) -> None:
    for found in (
        load({}, {f"SHUNFU_{name.upper()}": CANARY}),
        load({}, {}, write(tmp_path, f"{name} = '{CANARY}'")),
    ):
        secret = found.secret(name)
        assert isinstance(secret, Secret)
        assert secret.reveal() == CANARY
        assert CANARY not in repr(found)
        assert CANARY not in str(found.values)
        assert f"{found.values[name]}" == "***"


def test_folders_follow_each_other() -> None:
    found = load({"data_folder": "/srv/a"}, {})
    assert (found.data_folder, found.key_file) == (Path("/srv/a"), Path("/srv/a/keys.json"))
    assert load({}, {"SHUNFU_KEY_FILE": "/etc/k"}).key_file == Path("/etc/k")
    assert load({"data_folder": "~/x"}, {}).data_folder == Path.home() / "x"


def test_every_knob_is_described() -> None:
    lines = describe()
    assert [name for name, _, _ in lines] == list(KNOBS)
    assert all(text.endswith(".") for _, _, text in lines)
    assert isinstance(load({}, {}), Settings)
