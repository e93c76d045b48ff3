"""How a page looks. Torch-free."""

from __future__ import annotations

from seqkit.report.palette import DARK, DEEPEST, LIGHT, variables

STYLE = (
    f"""\
:root {{ color-scheme: light dark; {variables(LIGHT)} --deepest: {100 * DEEPEST:.0f}%; }}
@media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}
"""
    + """\
* { box-sizing: border-box; }
body { margin: 0; overflow-wrap: anywhere; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: clamp(1.25rem, 5vw, 4rem) clamp(1rem, 4vw, 2.5rem) 5rem; }
h1, h2 { font-family: "Iowan Old Style", "Palatino Linotype", Palatino, "Source Serif 4", Georgia,
  "DejaVu Serif", serif; font-weight: 500; line-height: 1.25; letter-spacing: -0.01em; }
h1 { font-size: clamp(1.6rem, 4vw, 2.3rem); margin: 0 0 .5rem; }
h2 { font-size: clamp(1.15rem, 2.5vw, 1.4rem); margin: 0 0 1.25rem; max-width: 44em; }
h3 { font-size: .95rem; font-weight: 600; margin: 0 0 .25rem; }
h2 + .about { margin-top: -.75rem; }
.about { color: var(--quiet); margin: 0 0 .9rem; max-width: 42em; font-size: .9rem; line-height: 1.5; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 1.5rem 0 0; }
dt { color: var(--quiet); font-size: .78rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
nav { margin-top: 1.75rem; font-size: .9rem; }
nav ol { padding: 0; margin: 0; list-style: none; counter-reset: section; }
nav li { max-width: 56em; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; line-height: 1.7; }
nav li::before { counter-increment: section; content: counter(section); color: var(--quiet);
  display: inline-block; min-width: 1.5em; font-variant-numeric: tabular-nums; }
a { color: var(--plus); text-decoration-thickness: 1px; text-underline-offset: .18em; }
section { border-top: 1px solid var(--rule); margin-top: clamp(2rem, 5vw, 3.25rem); padding-top: 1.5rem; }
.parts { display: grid; gap: 2.25rem 3rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.part { min-width: 0; }
.wide { grid-column: 1 / -1; }
.scroll { overflow-x: auto; max-width: 100%; }
.tokens { margin: 0; line-height: 2; }
.token, .grid td { --hue: var(--plus);
  background: color-mix(in srgb, var(--hue) calc(var(--w, 0) * var(--deepest)), var(--paper)); }
[data-sign="minus"] { --hue: var(--minus) !important; }
.token { display: inline-block; padding: 0 .2em; border-radius: .2em; line-height: 1.5; max-width: 100%;
  vertical-align: top; margin-bottom: .3rem; }
.token[data-sign="minus"] { text-decoration: underline dotted; text-underline-offset: .25em;
  text-decoration-color: color-mix(in srgb, var(--ink) calc(var(--w) * 100%), transparent); }
.token small { display: block; color: var(--quiet); background: var(--paper); font-size: .68rem; line-height: 1.4;
  margin: 0 -.3em; padding: 0 .3em; font-variant-numeric: tabular-nums; }
.span { display: inline-block; border: 1px solid var(--ink); border-radius: .35em; padding: .15em .3em 0;
  margin-bottom: .3rem; vertical-align: top; max-width: 100%; }
.span b { font-size: .72rem; font-weight: 600; line-height: 1.5; padding: 0 .35em; vertical-align: top;
  font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.data { font-size: .88rem; }
.data th, .data td { text-align: left; vertical-align: top; padding: .32rem clamp(.7rem, 2vw, 1.25rem) .32rem 0;
  border-bottom: 1px solid var(--rule); }
.data th { color: var(--quiet); font-weight: 500; white-space: nowrap; }
.data td { max-width: 34em; min-width: 3.5em; overflow-wrap: break-word; }
.data .number { text-align: right; }
.data :last-child { padding-right: 0; }
.grid { font-size: .78rem; }
.grid caption { text-align: left; color: var(--quiet); padding-bottom: .35rem; white-space: nowrap; }
.grid td { width: 1.55rem; min-width: 1.55rem; height: 1.55rem; text-align: center; padding: 0 .15rem;
  border: 1px solid var(--rule); }
.grid thead td { border: 0; background: none; }
.grid th { font-weight: 400; white-space: nowrap; }
.grid th[scope="row"] { text-align: right; padding-right: .5rem; }
.grid th[scope="col"] { vertical-align: bottom; padding: 0 0 .35rem; }
.grid th[scope="col"] span { writing-mode: vertical-rl; transform: rotate(180deg); }
.grid .never { background: repeating-linear-gradient(135deg, var(--rule) 0 1px, transparent 1px 5px); }
figure { margin: 0; }
.plot { max-width: 27rem; }
.plot svg { display: block; width: 100%; height: auto; }
.plot svg text { font-family: inherit !important; }
.pictures { display: grid; gap: 1.25rem .9rem; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }
.pictures img { display: block; width: 100%; height: auto; border-radius: .2rem; }
figcaption { font-size: .88rem; padding-top: .25rem; }
:focus-visible { outline: 2px solid var(--plus); outline-offset: 2px; }
@media print { section { break-inside: avoid; } }
"""
)
