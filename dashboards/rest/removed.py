"""What this API does not serve, and says so: removed on purpose (410), not offered (404)."""

from fastapi import APIRouter

from dashboards.rest.errors import RESPONSES, ApiError

router = APIRouter(tags=["not served"], responses=RESPONSES)

_NOT_AVAILABLE = ("news", "sentiment", "earnings", "options/iv", "fundamentals")


@router.post("/api/shutdown")
def shutdown() -> None:
    """Removed: stop the process with its supervisor."""
    raise ApiError(410, "gone", "processes are stopped by their supervisor (Ctrl-C, systemctl, docker), not over HTTP")


@router.put("/api/settings")
def change_settings() -> None:
    """Removed: settings are read from the config file and the environment."""
    raise ApiError(
        410,
        "gone",
        "settings are not changed over HTTP: edit the config file (market-assets config show) and restart; "
        "GET /api/settings shows those in force",
    )


def _not_available() -> None:
    """Not served."""
    raise ApiError(
        404,
        "not_available",
        f"{', '.join(_NOT_AVAILABLE)} are not served: this project stores prices and what follows from them",
    )


for _topic in _NOT_AVAILABLE:
    router.add_api_route(f"/api/v1/{_topic}", _not_available, methods=["GET"])
    router.add_api_route(f"/api/v1/{_topic}/{{symbol}}", _not_available, methods=["GET"])


#: registered last: whatever else lies under /api is JSON, never a page
fallback = APIRouter(include_in_schema=False)


@fallback.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def nothing_here(path: str) -> None:
    """No such path."""
    raise ApiError(404, "not_found", f"no API path /api/{path}; the paths are listed at /docs")
