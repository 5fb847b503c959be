"""A workflow as a picture for notebooks: one SVG without script or network; a table where it is too big to be read."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise

from dataflow.workflow.graph import Link, Step, Workflow
from dataflow.workflow.label import kind_of, name_link, readable
from dataflow.workflow.layout import Layout, lay_out, measure

__all__ = ["draw_html"]

_MOST_NODES = 200
# Each place where a connection passes a column has to be sorted.
_MOST_BENDS = 2_000
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 180, 44, 110, 26, 12
_LETTERS = 23  # of 12 px that fit into a node

Point = tuple[float, float]


def draw_html(workflow: Workflow) -> str:
    """The picture, to be put into a page as it is."""
    pairs = [(link.origin, link.target) for link in workflow.links]
    if len(workflow.steps) > _MOST_NODES or _count_bends(list(workflow.steps), pairs) > _MOST_BENDS:
        return _draw_table(workflow)
    return _draw_picture(workflow, lay_out(list(workflow.steps), pairs))


def _count_bends(nodes: Sequence[str], links: Sequence[tuple[str, str]]) -> int:
    columns = measure(nodes, links)
    return sum(columns[target] - columns[origin] for origin, target in links)


def _draw_picture(workflow: Workflow, layout: Layout) -> str:
    rows = max(map(len, layout.columns), default=0)
    width = len(layout.columns) * (_WIDTH + _GAP_X) - _GAP_X + 2 * _MARGIN if rows else 2 * _MARGIN
    height = rows * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN if rows else 2 * _MARGIN
    places = _place(layout, height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="max-width:100%;height:auto" font-family="sans-serif" font-size="12">',
        f"<title>Workflow of {len(workflow.steps)} nodes</title>",
        *(
            _draw_link(link, [places[one] for one in path])
            for link, path in zip(workflow.links, layout.paths, strict=True)
        ),
        *(_draw_node(step, places[id]) for id, step in workflow.steps.items()),
        "</svg>",
    ]
    return "".join(parts)


def _place(layout: Layout, height: float) -> Mapping[Hashable, Point]:
    """The middle of every node and bend; columns are centred."""
    found: dict[Hashable, Point] = {}
    for column, items in enumerate(layout.columns):
        top = (height - len(items) * (_HEIGHT + _GAP_Y) + _GAP_Y) / 2
        for row, item in enumerate(items):
            x = _MARGIN + column * (_WIDTH + _GAP_X) + _WIDTH / 2
            found[item] = (x, top + row * (_HEIGHT + _GAP_Y) + _HEIGHT / 2)
    return found


def _draw_node(step: Step, middle: Point) -> str:
    x, y = middle
    style = 'fill="#eef3fb" stroke="#4a6fa5"'
    shape = f'<rect x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" {style}/>'
    if step.kind.has_branches:
        corners = [(x - _WIDTH / 2, y), (x, y - _HEIGHT / 2 - 8), (x + _WIDTH / 2, y), (x, y + _HEIGHT / 2 + 8)]
        shape = f'<polygon points="{_points(corners)}" fill="#fdf3dc" stroke="#b08020"/>'
    name, kind = readable(step.id), readable(kind_of(step))
    return (
        f"<g><title>{escape(name)}: {escape(kind)}</title>{shape}"
        f'<text text-anchor="middle" x="{x:g}" y="{y - 3:g}" font-weight="bold" fill="#111">{_cut(name)}</text>'
        f'<text text-anchor="middle" x="{x:g}" y="{y + 13:g}" font-size="10" fill="#555">{_cut(kind)}</text></g>'
    )


def _draw_link(link: Link, middles: Sequence[Point]) -> str:
    (first_x, first_y), *bends, (last_x, last_y) = middles
    points = [(first_x + _WIDTH / 2, first_y)]
    for x, y in bends:
        points += [(x - _WIDTH / 2, y), (x + _WIDTH / 2, y)]
    end = (last_x - _WIDTH / 2, last_y)
    points.append((end[0] - 7, end[1]))
    dashes = ' stroke-dasharray="4 4"' if link.input is None else ""
    head = _points([end, (end[0] - 8, end[1] - 4), (end[0] - 8, end[1] + 4)])
    return (
        f"<g><title>{escape(readable(str(link)))}</title>"
        f'<path d="{"".join(_curve(points))}" fill="none" stroke="#888"{dashes}/>'
        f'<polygon points="{head}" fill="#888"/>{_draw_label(link, points)}</g>'
    )


def _curve(points: Sequence[Point]) -> Iterator[str]:
    """Bends between columns, straight through them."""
    yield f"M{points[0][0]:g},{points[0][1]:g}"
    for (x, y), (to_x, to_y) in pairwise(points):
        half = (x + to_x) / 2
        yield f"C{half:g},{y:g} {half:g},{to_y:g} {to_x:g},{to_y:g}"


def _draw_label(link: Link, points: Sequence[Point]) -> str:
    label = name_link(link)
    if not label:
        return ""
    (x, y), (to_x, to_y) = points[-2:]
    place = f'x="{(x + to_x) / 2:g}" y="{(y + to_y) / 2 - 4:g}"'
    return f'<text text-anchor="middle" {place} font-size="9" fill="#777">{escape(readable(label, 22))}</text>'


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _cut(text: str) -> str:
    return escape(readable(text, _LETTERS))


def _draw_table(workflow: Workflow) -> str:
    """The first nodes, with what they wait for."""
    before: dict[str, list[str]] = {id: [] for id in workflow.steps}
    for link in workflow.links:
        before[link.target].append(link.origin)
    rows = []
    for step in list(workflow.steps.values())[:_MOST_NODES]:
        waits = ", ".join(dict.fromkeys(before[step.id]))
        cells = (readable(step.id, 80), readable(kind_of(step), 80), readable(waits, 200))
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    left = len(workflow.steps) - len(rows)
    more = f"<p>and {left:,} more nodes</p>" if left else ""
    head = "<tr><th>node</th><th>kind</th><th>waits for</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{more}"
