"use strict";
// Text and lines take the page's own colour, so that light, dark and print need no second drawing.
const ink = "currentColor";
const config = {
  background: null,
  font: "system-ui, sans-serif",
  view: { stroke: null },
  text: { color: ink, fill: ink },
  rule: { color: ink },
  title: { color: ink },
  header: { labelColor: ink, titleColor: ink },
  axis: { labelColor: ink, titleColor: ink, domainColor: ink, tickColor: ink, gridColor: ink, gridOpacity: 0.12, domainOpacity: 0.4, tickOpacity: 0.4, titleFontWeight: 500 },
  legend: { labelColor: ink, titleColor: ink, labelLimit: 220 },
};
const charts = JSON.parse(document.getElementById("specifications").textContent);
const narrow = matchMedia("(max-width: 640px)");

function fitted(specification) {
  if (!narrow.matches) return specification;
  // On a phone legends go below their chart and panels below each other.
  const own = structuredClone(specification);
  if (own.facet) own.columns = 1;
  if (own.facet && own.spec) own.spec.width = 150;
  own.config = { legend: { orient: "bottom", direction: "horizontal", columns: 2 }, axis: { labelLimit: 130 } };
  return own;
}

async function draw() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    try {
      const options = { mode: "vega-lite", actions: false, renderer: "svg", logLevel: 1, config };
      await vegaEmbed(place, fitted(charts[place.dataset.chart]), options);
      place.dataset.drawn = "yes";
    } catch (error) {
      place.dataset.drawn = "no";
      place.textContent = "This chart could not be drawn; its figures are in the table below.";
      console.error(place.dataset.chart, error);
    }
  }
  document.documentElement.dataset.ready = "yes";
}

// What is folded is printed too, but for the figures below a chart that shows them.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) if (!part.closest(".chart")) part.open = true;
});
narrow.addEventListener("change", draw);
draw();
