"use strict";
(() => {
  const tokens = JSON.parse(document.getElementById("tokens").textContent);
  const panels = [...document.querySelectorAll("[data-figure]")];
  const config = { displayModeBar: false, displaylogo: false, responsive: false, scrollZoom: false, doubleClick: false };
  const own = new Set();

  const themed = (text) => {
    const style = getComputedStyle(document.documentElement);
    const swap = (_, value) => (Object.hasOwn(tokens, value) ? style.getPropertyValue(tokens[value]).trim() : value);
    return JSON.parse(text, swap);
  };

  const draw = (panel) => {
    const figure = themed(document.getElementById(panel.dataset.figure).textContent);
    const scales = figure.layout.meta;
    if (scales && own.has(panel.closest(".part"))) figure.layout.xaxis.range = scales.own;
    return Plotly.react(panel, figure.data, figure.layout, config);
  };

  const unpack = async () => {
    const packed = atob(document.getElementById("library").textContent);
    const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    script.remove();
  };

  const drawAll = async () => {
    for (const panel of panels) {
      await draw(panel);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    document.body.dataset.figuresDrawn = String(panels.length);
    panels.forEach((panel) => widths.observe(panel));
  };

  for (const button of document.querySelectorAll("button[data-scale]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const part = button.closest(".part");
      const alone = !own.has(part);
      if (alone) own.add(part); else own.delete(part);
      button.setAttribute("aria-pressed", String(alone));
      button.textContent = alone ? button.dataset.common : button.dataset.own;
      panels.filter((panel) => part.contains(panel)).forEach(draw);
    });
  }

  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) if (target.classList.contains("js-plotly-plot")) Plotly.Plots.resize(target);
  });

  const openTarget = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  addEventListener("hashchange", openTarget);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  openTarget();
  if (panels.length) unpack().then(drawAll);
  else document.body.dataset.figuresDrawn = "0";
})();
