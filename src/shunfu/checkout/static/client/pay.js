import "./pay-ffbb9530fb16.js";
