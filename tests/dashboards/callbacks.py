"""Callbacks of the pages, asked as Dash's renderer asks them, and what is in the components they return."""

from typing import Any

from starlette.testclient import TestClient

#: component, property and value
Told = tuple[str, str, Any]


def ask(
    client: TestClient, outputs: list[tuple[str, str]], *inputs: Told, state: tuple[Told, ...] = ()
) -> dict[str, dict[str, Any]]:
    """Call a callback as the renderer does; its response by component."""
    described = [{"id": component, "property": prop} for component, prop in outputs]
    names = [f"{component}.{prop}" for component, prop in outputs]
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": names[0] if len(names) == 1 else f"..{'...'.join(names)}..",
            "outputs": described[0] if len(described) == 1 else described,
            "inputs": [{"id": i, "property": p, "value": value} for i, p, value in inputs],
            "changedPropIds": [f"{inputs[0][0]}.{inputs[0][1]}"],
            "state": [{"id": i, "property": p, "value": value} for i, p, value in state],
        },
    )
    assert answer.status_code == 200, answer.text
    response: dict[str, dict[str, Any]] = answer.json()["response"]
    return response


def cards(component: Any) -> dict[str, tuple[str, str]]:
    """Label -> (value, note) of every card in a rendered component."""
    found: dict[str, tuple[str, str]] = {}

    def walk(part: Any) -> None:
        if isinstance(part, list):
            for each in part:
                walk(each)
        elif isinstance(part, dict):
            props = part.get("props", {})
            if str(props.get("className", "")).startswith("card tone-"):
                label, value, note = (child["props"]["children"] for child in props["children"])
                found[label] = (value, note)
            walk(props.get("children"))

    walk(component)
    return found
