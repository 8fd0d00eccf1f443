"""The published document has everything that the contract promises to its clients."""

from typing import Any

from contracts.comparison import lacks_of_operation, lacks_of_required, lacks_of_schema

Document = dict[str, Any]


def test_every_operation_of_the_contract_is_published_as_promised(
    promised_operation: tuple[str, str],
    contract: Document,
    published: Document,
) -> None:
    path, method = promised_operation
    promised = contract["paths"][path][method]

    found = published["paths"].get(path, {}).get(method)

    assert found is not None, "it is missing"
    assert list(lacks_of_operation(promised, found)) == []


def test_every_schema_of_the_contract_is_published_as_promised(
    promised_schema: str,
    contract: Document,
    published: Document,
) -> None:
    promised = contract["components"]["schemas"][promised_schema]

    found = published["components"]["schemas"].get(promised_schema)

    assert found is not None, "it is missing"
    assert list(lacks_of_schema(promised, found, promised_schema)) == []
    assert list(lacks_of_required(promised, found, promised_schema)) == []


def test_the_key_travels_in_the_header_of_the_contract(contract: Document, published: Document) -> None:
    promised = contract["components"]["securitySchemes"]

    found = published["components"]["securitySchemes"]

    assert found == promised
    assert published["security"] == contract["security"]
