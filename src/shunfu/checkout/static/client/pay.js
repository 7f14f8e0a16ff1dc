import "./pay-2ce80b0a1cb4.js";
