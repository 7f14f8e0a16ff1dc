/** An amount in fen as a shopper reads it: 9600 is ¥96.00. */
module.exports = function yuan(minor) {
  const text = String(minor).padStart(3, "0");
  return `¥${text.slice(0, -2)}.${text.slice(-2)}`;
};
