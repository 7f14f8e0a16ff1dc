// Draws what stands in the table of hours as two lines, and draws it again when the figures have changed.
// The table is the truth and can be read without this file; the drawing is for eyes only.
document.getElementById("figures")?.addEventListener("over", () => location.reload());
(() => {
  const box = document.getElementById("chart"), plot = document.getElementById("plot");
  if (!box || !plot || typeof uPlot === "undefined") return;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function read() {
    const rows = [...document.querySelectorAll("#hours tbody tr")];
    const column = (place) => rows.map((row) => {
      const told = row.cells[place].dataset.value;
      return told === "" ? null : Number(told);
    });
    return [rows.map((_, hour) => hour), column(1), column(2)];
  }

  function options() {
    const axis = { stroke: colour("--text-3"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false } };
    return {
      width: plot.clientWidth,
      height: 180,
      legend: { show: false },
      cursor: { y: false },
      scales: { x: { time: false, range: [0, 23] }, y: { range: (_, low, high) => [0, Math.max(high || 0, 100)] } },
      axes: [
        { ...axis, size: 32, values: (_, hours) => hours.map((hour) => `${String(hour).padStart(2, "0")}:00`) },
        { ...axis, size: 64, values: (_, sums) => sums.map((sum) => sum.toLocaleString("en")) },
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
    const values = read();
    box.hidden = !values[1].some((sum) => sum > 0) && !values[2].some((sum) => sum > 0);
    if (box.hidden) return;
    if (chart) chart.setData(values);
    else chart = new uPlot(options(), values, plot);
  }

  function again() {
    if (chart) chart.destroy();
    chart = undefined;
    draw();
  }

  draw();
  document.body.addEventListener("htmx:after:swap", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(again, 150);
  });
})();
