/** The page's whole look; light and dark as the system has it. */
export const STYLE = `
:root { color-scheme: light dark; --bg: #fafafa; --card: #fff; --text: #1f2328; --dim: #626a73; --line: #d8dee4;
  --go: #1a7f37; --stop: #cf222e; --link: #0b5cad; --add: #e3f7e7; --del: #fdeaea; --hunk: #eef4fb; --code: #eff1f3; }
@media (prefers-color-scheme: dark) { :root { --bg: #111418; --card: #181c22; --text: #e3e7eb; --dim: #98a2ad;
  --line: #2e353e; --go: #2f9e4f; --stop: #e5534b; --link: #6cb2f7; --add: #12301b; --del: #3b1a1d; --hunk: #17263a;
  --code: #232930; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text); font: 15px/1.55 system-ui, sans-serif; }
header { border-bottom: 1px solid var(--line); background: var(--card); padding: .7rem 1.25rem; font-weight: 600; }
header a { color: inherit; text-decoration: none; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.45rem; line-height: 1.3; margin: 1rem 0 .5rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .6rem; }
h3, h4 { font-size: 1rem; margin: 1.1rem 0 .3rem; }
a { color: var(--link); } .dim, time { color: var(--dim); font-weight: normal; } .dim { font-size: .9em; }
code, pre { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
code { background: var(--code); border-radius: 4px; padding: .1em .35em; } pre code { background: none; padding: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .3rem 1rem; margin: .6rem 0; }
.card pre { background: var(--code); border-radius: 6px; padding: .6rem; overflow-x: auto; }
.line { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: .5rem 0; }
.requests { list-style: none; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.requests li { display: flex; gap: .9rem; align-items: center; padding: .7rem 1rem; }
.requests li + li { border-top: 1px solid var(--line); } .requests p { margin: 0; } .requests div { flex: 1; }
.title { font-weight: 600; text-decoration: none; }
.badge, .label { border-radius: 1rem; padding: .1rem .65rem; font-size: .8rem; white-space: nowrap; }
.badge { color: #fff; background: var(--dim); min-width: 5.2rem; text-align: center; font-weight: 600; }
.badge.open { background: var(--go); } .badge.merged { background: #6f42c1; } .badge.closed { background: var(--stop); }
.label { border: 1px solid var(--line); color: var(--dim); } .label.alarm { border-color: var(--stop); color: var(--stop); }
button { font: inherit; padding: .4rem .9rem; border-radius: 6px; border: 1px solid var(--line); background: var(--card);
  color: var(--text); cursor: pointer; }
button:hover, button:focus-visible { border-color: var(--link); outline: none; }
button.go { background: var(--go); border-color: var(--go); color: #fff; } button.stop { color: var(--stop); }
.problem { border: 1px solid var(--stop); color: var(--stop); border-radius: 6px; padding: .5rem .9rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; font-size: .92em; }
th, td { border: 1px solid var(--line); padding: .3rem .65rem; text-align: left; } th { background: var(--code); }
ul, ol { padding-left: 1.4rem; } .text li:has(input) { list-style: none; margin-left: -1.3rem; }
.diff { padding: 0; overflow: hidden; } .diff summary { padding: .5rem .9rem; cursor: pointer; font: 13px ui-monospace, monospace; }
.diff pre { margin: 0; padding: 0 0 .3rem; background: none; border-radius: 0; border-top: 1px solid var(--line); }
.diff span { display: block; padding: 0 .9rem; white-space: pre; min-width: max-content; }
.add { background: var(--add); } .del { background: var(--del); } .hunk { background: var(--hunk); color: var(--dim); }
.plus { color: var(--go); } .minus { color: var(--stop); }
`;
