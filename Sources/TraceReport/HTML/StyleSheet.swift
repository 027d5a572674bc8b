/// How the page looks: light and dark, on a screen of any width and on paper. The colours of marks are those
/// of Okabe and Ito, which people with any colour vision tell apart.
///
/// On a narrow page a chart keeps its size, so that its letters can be read, and says that it is scrolled. A
/// waterfall's bar is always drawn whole: half of it would look like another I/O. Its letters go, as the line
/// below it says them.
enum StyleSheet {
  static let text: StaticString = """

    :root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --page: #ffffff;
      --panel: #f6f8fa; --critical: #b00020; --warning: #8a5300; --info: #0b57a4; --heat: 0, 80, 160;
      --first: #0b57a4; --second: #b5540c; }
    @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b3; --line: #3d444d;
      --page: #0d1117; --panel: #161b22; --critical: #ff8b8b; --warning: #f2b35e; --info: #79b8ff;
      --heat: 120, 190, 255; --first: #79b8ff; --second: #f2a25e; } }
    * { box-sizing: border-box; }
    body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; background: var(--page);
      color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
    h1 { font-size: 1.5rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .6rem;
      border-top: 1px solid var(--line); }
    h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
    p, li, dd { max-width: 46rem; overflow-wrap: anywhere; }
    dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem; margin: .5rem 0; }
    dt { font-weight: 600; overflow-wrap: anywhere; max-width: 16rem; } dd { margin: 0; }
    .finding { border: 1px solid var(--line); border-left-width: 6px; border-radius: 6px;
      background: var(--panel); padding: .7rem 1rem; margin: .7rem 0; break-inside: avoid; }
    .finding.critical { border-left-color: var(--critical); }
    .finding.warning { border-left-color: var(--warning); }
    .finding.info { border-left-color: var(--info); }
    .finding h3 { margin: 0 0 .3rem; } .finding p { margin: .25rem 0; }
    .severity { font-size: .8rem; letter-spacing: .04em; text-transform: uppercase; font-weight: 700; }
    .critical .severity { color: var(--critical); } .warning .severity { color: var(--warning); }
    .info .severity { color: var(--info); }
    .code { font-weight: 400; font-size: .85rem; color: var(--soft); }
    .more, .row, .reading, figcaption { color: var(--soft); font-size: .9rem; }
    .scroll { overflow-x: auto; margin: .4rem 0 1rem; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
    caption { text-align: left; padding: .2rem 0; color: var(--soft); }
    th, td { padding: .15rem .7rem .15rem 0; text-align: left; white-space: pre; }
    th { border-bottom: 1px solid var(--line); font-weight: 600; }
    th.number, td.number { text-align: right; }
    td.long { white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
    tbody tr:nth-child(even) { background: var(--panel); }
    details { margin: .4rem 0; } summary { cursor: pointer; color: var(--info); }
    summary:focus-visible { outline: 2px solid var(--info); outline-offset: 2px; }
    pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .6rem;
      overflow-x: auto; font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap;
      overflow-wrap: anywhere; }
    figure { margin: 1rem 0 1.4rem; break-inside: avoid; }
    figcaption { color: var(--ink); font-weight: 600; }
    .drawing { overflow-x: auto; } .drawing svg { display: block; width: 100%; min-width: 40rem; height: auto; }
    .waterfall { margin: 0 0 1rem; break-inside: avoid; } .waterfall p { margin: 0; }
    svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
    svg text.soft { fill: var(--soft); font-size: 11px; }
    svg text.on { fill: #000000; font-size: 11px; } svg text.on.hop-virtio_return { fill: #ffffff; }
    svg text.on.first, svg text.on.second, svg text.on.owner-0 { fill: var(--page); }
    svg .axis { stroke: var(--line); stroke-width: 1; fill: none; }
    svg .bound { stroke: var(--ink); stroke-width: 1.5; fill: none; }
    svg .limit { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 5 4; fill: none; }
    svg .stroke { fill: none; stroke-width: 1.8; }
    svg .grid { stroke: var(--line); stroke-width: .6; fill: none; }
    svg .zero { stroke: var(--ink); stroke-width: 1; fill: none; }
    .strip.better { fill: #009e73; } .strip.worse { fill: #d55e00; } .strip.same { fill: var(--soft); }
    .strip.unsaid { fill: var(--line); } .strip.uncorrected { fill: var(--soft); }
    .stroke.first { stroke: var(--first); } .stroke.second { stroke: var(--second); }
    .hop-page_cache { fill: #a7a7a7; } .hop-guest_scheduler { fill: #e69f00; } .flush { fill: #f0e442; }
    .hop-virtio_submit { fill: #56b4e9; } .hop-host_scheduler { fill: #009e73; }
    .hop-hardware_queue { fill: #cc79a7; } .hop-virtio_return { fill: #0072b2; }
    .hop-qemu { fill: #8d6cab; } .hop-backend { fill: #d55e00; }
    .not-followed { fill: #c9c9c9; } .culprit-sibling { fill: #e69f00; } .culprit-guest { fill: #d55e00; }
    .culprit-host { fill: #cc79a7; } .culprit-kernel { fill: #56b4e9; } .culprit-throttled { fill: #c9c9c9; }
    .culprit-unknown { fill: #c9c9c9; } rect.first { fill: var(--first); } rect.second { fill: var(--second); }
    .heat { fill: rgb(var(--heat)); } .onset { stroke: var(--critical); } text.onset { fill: var(--critical);
      stroke: none; font-weight: 600; } .halo { fill: var(--page); } svg .hatch { stroke: var(--soft); }
    .ink { fill: var(--ink); } .owner-0 { fill: var(--first); } .owner-1 { fill: #d55e00; } .owner-2 { fill: #009e73; }
    .owner-3 { fill: #cc79a7; } .owner-4 { fill: #e69f00; } .owner-5 { fill: #9aa4af; }
    .stroke.owner-0 { stroke: var(--first); } .stroke.owner-1 { stroke: #d55e00; } .stroke.owner-2 { stroke: #009e73; } .stroke.owner-3 { stroke: #cc79a7; } .stroke.owner-4 { stroke: #e69f00; } .stroke.owner-5 { stroke: #9aa4af; } .stroke.ink { stroke: var(--ink); }
    .phase { fill: var(--critical); } .pause { fill: var(--soft); }
    .answer { border: 1px solid var(--line); border-left: 6px solid var(--info); border-radius: 6px;
      background: var(--panel); padding: .5rem 1rem; margin: .8rem 0; break-inside: avoid; }
    .answer.critical { border-left-color: var(--critical); } .answer.warning { border-left-color: var(--warning); }
    .answer.unsure { border-left-color: var(--line); }
    .answer.healthy { border-left-color: #009e73; } .answer dd { max-width: 52rem; }
    .answer .severity { margin: 0; } .answer.critical .severity { color: var(--critical); }
    .answer.warning .severity { color: var(--warning); } .answer.info .severity { color: var(--info); }
    .panel { margin: .1rem 0; font-size: .9rem; } .panel dl { margin: .2rem 0 .6rem 1rem; }
    .panel div { scroll-margin-top: 3.5rem; } .panel div:target { outline: 2px solid var(--info); }
    svg .column:hover { fill: var(--info); fill-opacity: .12; }
    .remarks { font-size: .9rem; } .state { color: var(--soft); font-size: .9rem; font-weight: 400; }
    a { color: var(--info); } nav ul { columns: 2; padding-left: 1.2rem; font-size: .9rem; }
    details.section { border-top: 1px solid var(--line); margin: .6rem 0 0; padding-top: .4rem; }
    details.section > summary h2 { display: inline; border: 0; font-size: 1.05rem; color: var(--ink); }
    section[id], details.section > div { scroll-margin-top: 2.5rem; }
    figure:target, article:target { outline: 2px solid var(--info); }
    footer { margin-top: 3rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem; }
    @media (max-width: 34rem) { nav ul { columns: 1; } dl { display: block; } dt { max-width: none; margin-top: .5rem; }
      table { font-size: .78rem; } th, td { padding-right: .4rem; } caption { max-width: 90vw; }
      .waterfall svg text { display: none; } .waterfall .drawing svg { min-width: 0; height: 1rem; } }
    @media screen and (max-width: 42rem) { figure > .drawing::before { position: sticky; left: 0;
      content: "Wider than the page: scroll it sideways."; color: var(--soft); font-size: .75rem; } }
    @media print { :root { --ink: #000; --soft: #333; --line: #999; --page: #fff; --panel: #fff;
      --critical: #b00020; --warning: #8a5300; --info: #0b57a4; --heat: 0, 80, 160; --first: #0b57a4;
      --second: #b5540c; }
      body { max-width: none; font-size: 11pt; } .scroll, .drawing, pre { overflow: visible; }
      th, td { white-space: pre-wrap; } thead { display: table-header-group; }
      .drawing svg { min-width: 0; } h2, h3 { break-after: avoid; } .scroll { break-inside: avoid; }
      tr { break-inside: avoid; } details:not([open]):not(.section):not(.panel) { display: none; } nav { display: none; } }

    """
}
