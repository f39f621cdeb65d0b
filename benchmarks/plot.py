"""Draw W2 and W3 against the size of the book, from what the programs wrote: results/speed.png.

python -m benchmarks.plot
"""

import json

import matplotlib as mpl

from benchmarks.report import RESULTS

__all__: list[str] = []

_OURS = {"submit": "C0", "submit_many": "C9", "submit_many, compiled": "C2"}
_OTHERS = {
    "plain Python": "black",
    "bare compiled loop": "gray",
    "nanobook": "C1",
    "liquibook": "C3",
    "litebook": "C4",
    "lightmatchingengine": "C5",
    "akhil4n-orderbook": "C6",
    "order-matching": "C8",
}


def main() -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    w2 = json.loads((RESULTS / "w2.json").read_text(encoding="utf-8"))
    w3 = json.loads((RESULTS / "w3.json").read_text(encoding="utf-8"))
    panels = [("W2: no limits", w2)]
    panels += [
        (f"{name}: limits and tags", [each for each in w3 if each["shape"] == name])
        for name in ("W3a", "W3b")
    ]
    figure, axes = plt.subplots(1, 3, figsize=(14, 5), sharey=True)
    for axis, (title, found) in zip(axes, panels, strict=True):
        for name in sorted({name for each in found for name in each["seconds"]}):
            points = [
                (each["offers"], each["notes"] / each["seconds"][name] / 1e6)
                for each in found
                if name in each["seconds"]
            ]
            ours = name in _OURS
            style = {"color": {**_OURS, **_OTHERS}[name], "linestyle": "-" if ours else "--"}
            style["linewidth"] = 2.5 if ours else 1.5
            label = f"p2pmatch {name}" if ours else name
            axis.plot(*zip(*points, strict=True), marker="o", label=label, **style)
        axis.set_title(title)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("standing offers")
        axis.grid(visible=True, which="major", alpha=0.3)
    axes[0].set_ylabel("million notes a second")
    lines, labels = axes[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.14, 1, 1))
    figure.savefig(RESULTS / "speed.png", dpi=110)


if __name__ == "__main__":
    main()
