"""The OpenAPI document, against the server that serves it: schemathesis asks what it allows, and what it forbids."""

import os

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")
pytest.importorskip("requests")
pytest.importorskip("schemathesis")
pytest.importorskip("jsonschema")

import jsonschema
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.edge_srcnn.web.controlling import served
from tests.edge_srcnn.web.serving import get

pytestmark = pytest.mark.slow

ENDLESS = {"/", "/stream", "/stream.mjpg"}
EXAMPLES = 40
TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module", params=["", f"token={TOKEN}"], ids=["open", "token"])
def service(request, tmp_path_factory):
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("snapshots"))
    with served(request.param) as running:
        running.headers = {"Authorization": f"Bearer {TOKEN}"} if request.param else {}
        yield running
    os.chdir(before)


def ask(service, operation, seen):
    """Ask for what the document allows, and for what it forbids, and check each answer by it."""
    few = settings(
        max_examples=3 if operation.path.endswith("/snapshot") else EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def check(case):
        answer = case.call(base_url=service.address, headers=dict(service.headers))
        case.validate_response(answer)
        seen.add((operation.method.upper(), operation.path, answer.status_code))

    few(given(case=operation.as_strategy())(check))()
    if operation.body:
        few(given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))(check))()


def test_every_answer_is_one_that_the_document_describes(service):
    schema = schemathesis.openapi.from_url(f"{service.address}/openapi.json", headers=dict(service.headers))
    seen: set[tuple[str, str, int]] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path not in ENDLESS:
            ask(service, operation, seen)
    assert {("GET", "/state", 200), ("GET", "/control", 200), ("PATCH", "/control", 200)} <= seen
    assert {("POST", "/control/snapshot", 201), ("PATCH", "/control", 422)} <= seen
    assert not [each for each in seen if each[2] == 500]


def test_the_document_is_good_and_tells_all_routes_but_the_page_s_files(service):
    document = get(service, "/openapi.json", **service.headers).json
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {
        *ENDLESS,
        *("/snapshot", "/snapshot.jpg", "/state", "/metrics", "/healthz", "/openapi.json"),
        *("/control", "/control/snapshot"),
    }
    for path, operations in document["paths"].items():
        for method in operations:
            if path not in ENDLESS and method == "get":
                assert get(service, path, **service.headers).status == 200
    state = {"$ref": "#/components/schemas/Shown", "components": document["components"]}
    jsonschema.validate(get(service, "/state", **service.headers).json, state)
    body = document["paths"]["/control"]["patch"]["requestBody"]["content"]["application/json"]["schema"]
    jsonschema.validate(service.control.values(), body)
    assert ("security" in document) == bool(service.headers)
