// Draws what stands in the table of days as two lines. The table is the truth and can be read without this file.
(() => {
  const box = document.getElementById("chart"), plot = document.getElementById("plot");
  const rows = [...document.querySelectorAll("#days tbody tr")];
  if (!box || !plot || rows.length < 2 || typeof uPlot === "undefined") return;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const column = (place) => rows.map((row) => Number(row.cells[place].dataset.value));
  const names = rows.map((row) => row.cells[0].textContent.slice(5));

  function options() {
    const axis = { stroke: colour("--text-3"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false } };
    const whole = (value) => (Number.isInteger(value) ? value : null);
    return {
      width: plot.clientWidth,
      height: 180,
      padding: [null, 24, null, null],
      legend: { show: false },
      cursor: { y: false },
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(high || 0, 10)] } },
      axes: [
        { ...axis, size: 32, values: (_, places) => places.map((place) => names[place] ?? "") },
        { ...axis, size: 64, values: (_, counts) => counts.map((count) => whole(count)?.toLocaleString("en") ?? "") },
      ],
      series: [
        {},
        { stroke: colour("--c1"), width: 2, points: { show: false } },
        { stroke: colour("--text-3"), width: 1, dash: [4, 4], points: { show: false } },
      ],
    };
  }

  let chart;
  function draw() {
    if (chart) chart.destroy();
    box.hidden = false;
    chart = new uPlot(options(), [rows.map((_, place) => place), column(1), column(2)], plot);
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(draw, 150);
  });
})();
