"""gateway.yaml: what it says, and every way in which it can be wrong."""

from pathlib import Path
from textwrap import dedent

import pytest

from synthmill_gateway.catalog.reading import FileInvalid, load
from synthmill_gateway.catalog.targets import Catalog, catalog_of
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.failures import TRANSIENT
from tests.support.repository import ROOT

GOOD = """
    version: 1
    providers:
      main: {kind: openai, api_key_env: MAIN_KEY, timeout_seconds: 5, limits: {concurrent: 8}}
      own: {kind: hosted_vllm, api_base: "http://127.0.0.1:8000/v1"}
      cloud: {kind: bedrock, region: eu-central-1}
    models:
      small: {provider: main, model: gpt-5-mini, fallbacks: [spare], limits: {dollars_per_day: 5}}
      spare: {provider: own, model: qwen, price: {input_per_million: 0, output_per_million: 0.5}}
      nova: {provider: cloud, model: "amazon.nova-lite-v1:0"}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "gateway.yaml"
    path.write_text(dedent(text))
    return path


def catalog(folder: Path, text: str = GOOD) -> Catalog:
    environment = {"MAIN_KEY": " sk-main\n"}
    return catalog_of(load(written(folder, text), environment).file, environment)


def told(folder: Path, text: str) -> list[tuple[str, int | None, str]]:
    with pytest.raises(FileInvalid) as refused:
        load(written(folder, text), {})
    assert all(fault.hint.endswith((".", "?")) for fault in refused.value.faults)
    return [(fault.path, fault.line, fault.message) for fault in refused.value.faults]


def test_a_public_name_leads_to_a_route_and_its_providers_settings(tmp_path: Path) -> None:
    target = catalog(tmp_path).find("small")
    assert (target.route, target.provider) == ("openai/gpt-5-mini", "main")
    assert target.options == {"api_key": "sk-main", "timeout": 5}
    assert (target.fallbacks, target.fallback_on) == (("spare",), frozenset(TRANSIENT))
    assert [scope.name for scope in target.scopes] == ["model small", "provider main"]
    assert catalog(tmp_path).find("nova").options == {"aws_region_name": "eu-central-1"}


def test_a_key_of_the_environment_never_goes_to_an_address_that_names_none(tmp_path: Path) -> None:
    assert catalog(tmp_path).find("spare").options == {"api_base": "http://127.0.0.1:8000/v1", "api_key": "none"}


def test_a_key_is_read_from_a_file_and_never_shown(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-file\n")
    target = catalog(tmp_path, GOOD.replace("api_key_env: MAIN_KEY", f"api_key_file: {key}")).find("small")
    assert target.options["api_key"] == "sk-file"
    assert "sk-file" not in repr(target)


def test_an_unknown_name_is_told_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(GatewayError) as missing:
        catalog(tmp_path).find("smal")
    assert (missing.value.status, missing.value.code) == (404, "model_not_found")
    assert "did you mean 'small'? names: small, spare, nova" in missing.value.message


def test_the_offline_model_is_served_only_when_allowed(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="no model 'offline/fake-1'"):
        catalog(tmp_path).find("offline/fake-1")
    assert catalog(tmp_path, GOOD + "    offline: true\n").find("offline/fake-1").offline


def test_an_alias_of_the_offline_model_is_offline_in_its_lineage(tmp_path: Path) -> None:
    text = """\
        version: 1
        offline: true
        providers:
          pretended: {kind: offline}
        models:
          demo: {provider: pretended, model: fake-1}
    """
    target = catalog(tmp_path, text).find("demo")
    assert (target.offline, target.route, target.options) == (True, "offline/fake-1", {})
    assert target.rules.applied({"offline": {"fail": 1}}) == {"extra_body": {"offline": {"fail": 1}}}


def test_all_faults_of_form_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
        version: 1
        ofline: true
        providers:
          main: {kind: openai, limits: {rpm: 3, concurrent: 0}}
        models:
          a: {provider: main, model: m, fallback_on: [5xx]}
          b: {provider: main}
    """
    assert told(tmp_path, text) == [
        ("ofline", 2, "there is no 'ofline' here"),
        ("providers.main.limits.concurrent", 4, "0 is too small"),
        ("providers.main.limits.rpm", 4, "there is no 'rpm' here"),
        ("models.a.fallback_on[0]", 6, "'5xx' is not allowed here"),
        ("models.b.model", 7, "it is missing"),
    ]


def test_all_names_that_lead_nowhere_are_told_at_once(tmp_path: Path) -> None:
    text = """\
        version: 1
        ca_file: nowhere.pem
        providers:
          main: {kind: openai, api_key_env: UNSET_KEY}
          pretended: {kind: offline}
          filed: {kind: openai, api_key_file: nowhere.key}
        models:
          a: {provider: mian, model: m, fallbacks: [a, c, b, b]}
          b: {provider: main, model: m, defaults: {temprature: 1}, allow: [stream]}
          offline/mine: {provider: main, model: m}
    """
    assert told(tmp_path, text) == [
        ("ca_file", 2, "cannot be used: No such file or directory"),
        ("providers.main.api_key_env", 4, "UNSET_KEY is not set in the gateway's environment"),
        ("providers.pretended.kind", 5, "the offline model is not allowed"),
        ("providers.filed.api_key_file", 6, "cannot be read: No such file or directory"),
        ("models.a.provider", 8, "there is no provider 'mian'"),
        ("models.a.fallbacks[0]", 8, "a model cannot stand in for itself"),
        ("models.a.fallbacks[1]", 8, "there is no model 'c'"),
        ("models.a.fallbacks[3]", 8, "'b' is named twice"),
        ("models.b.allow[0]", 9, "'stream' is no parameter"),
        ("models.b.defaults.temprature", 9, "'temprature' is no parameter of OpenAI's chat API"),
        ("models.offline/mine", 10, "names that begin with offline are the offline model's"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is missing"),
        ("version: 1\n", "nothing is served"),
        ("version: 2\noffline: true\n", "2 is not allowed here"),
        ("version: 1\nversion: 1\n", "the key 'version' is given twice, first in line 1"),
        ("a: [", "not YAML"),
        ("- version", "is not a map"),
    ],
)
def test_a_file_that_says_nothing_useful_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in fault for _, _, fault in told(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match="No such file"):
        load(tmp_path / "missing.yaml", {})


def test_the_example_can_be_used_and_so_can_what_it_leaves_as_comments(tmp_path: Path) -> None:
    example = (ROOT / "deployments" / "gateway.yaml").read_text()
    assert load(written(tmp_path, example), {}).file.offline
    body = example.split("offline: true")[1].replace("providers: {}", "providers:").replace("models: {}", "models:")
    lines = [line.replace("  # ", "  ", 1) if line.startswith("  # ") else line for line in body.splitlines()]
    whole = "version: 1\n" + "\n".join(line for line in lines if not line.startswith("#"))
    keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_API_KEY"), "x")
    file = load(written(tmp_path, whole), keys).file
    assert (len(file.providers), len(file.models)) == (6, 6)
