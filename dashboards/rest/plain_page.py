"""Pages that are plain HTML: in the look of the app, with nothing of another host."""

from html import escape

from fastapi import Response

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} {name}</title>
<link rel="icon" href="data:,">
<script>
document.documentElement.dataset.theme = localStorage.getItem("market-assets-theme")
  || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
</script>
<link rel="stylesheet" href="/assets/app.css">
</head>
<body>
<header class="header"><a class="brand" href="/">{title}</a><span class="nav-link current">{name}</span>
<div class="spacer"></div><a class="header-link" href="{href}">{link}</a></header>
<main class="{kind}">{body}</main>
</body>
</html>"""


def plain_page(title: str, name: str, body: str, link: tuple[str, str], kind: str = "") -> Response:
    """The page `name` of the app `title`; `link` is what stands on the right, text and address. `body` is HTML."""
    text, href = (escape(part) for part in link)
    page = _PAGE.format(title=escape(title), name=escape(name), body=body, link=text, href=href, kind=kind)
    return Response(page, media_type="text/html")
