/**
 * wechatpay-axios-plugin as a merchant's server would use it, in one of both key modes.
 *
 * node wechatpay_axios.js CREDENTIALS_FILE certificate|public_key
 *
 * In both modes each request names the key that the reply shall be signed with, as WeChat Pay asks for. Must not know:
 * what a test expects.
 */
'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { gunzipSync } = require('node:zlib');
const {
  Wechatpay, Aes: { AesGcm }, Formatter, Rsa,
} = require('wechatpay-axios-plugin');
const { converse } = require('./conversation.js');

const [, , file, mode] = process.argv;
const given = JSON.parse(readFileSync(file, 'utf8')).wechatpay;
const [keyId, key] = mode === 'certificate'
  ? [given.platform_serial, given.platform_certificate]
  : [given.public_key_id, given.public_key];
const merchantKey = Rsa.from(given.merchant_private_key, Rsa.KEY_TYPE_PRIVATE);
const wechatKey = Rsa.from(key, Rsa.KEY_TYPE_PUBLIC);

const merchant = (certs) => ({
  mchid: given.mchid,
  serial: given.merchant_serial,
  privateKey: merchantKey,
  certs,
  baseURL: given.base_url,
  timeout: 10000,
});

const client = new Wechatpay({ ...merchant({ [keyId]: wechatKey }), headers: { 'Wechatpay-Serial': keyId } });

/** `wxpay.v3.pay.transactions.jsapi` by its name. */
function walk(from, chain) {
  return chain.split('.').reduce((link, name) => link[name], from);
}

const withBody = (method) => async (chain, body, config) => {
  const { status, data } = await walk(client, chain)[method](body, config);
  return { status, data };
};

const verbs = {
  post: withBody('post'),

  async get(chain, config) {
    const { status, data } = await walk(client, chain).get(config);
    return { status, data };
  },

  /** Asks for a bill, downloads it as the plugin's README shows, unpacks it where asked to, and reads it. */
  async bill(name, params) {
    const { data: asked } = await client.v3.bill[name].get({ params });
    const query = Object.fromEntries(new URL(asked.download_url).searchParams);
    const { data: downloaded } = await client.v3.billdownload.file.get({ params: query, responseType: 'arraybuffer' });
    const plain = params.tar_type === 'GZIP' ? gunzipSync(downloaded) : downloaded;
    const sha1 = createHash('sha1').update(plain).digest('hex');
    return { asked, sha1, first: plain.subarray(0, 3).toString('hex'), ...Formatter.castCsvBill(plain) };
  },

  /**
   * As the plugin's own downloader does it: decrypt what came, then verify the reply with a certificate inside. That
   * one adds them to the object that it gave, of which this version verifies with a copy: here it is added to the copy.
   */
  async certificates() {
    const config = merchant({ any: undefined });
    const opened = new Wechatpay(config);
    const { transformResponse } = opened.client.v3.defaults;
    const decrypt = (reply) => {
      for (const { serial_no: serial, encrypt_certificate: sealed } of JSON.parse(reply).data ?? []) {
        const { ciphertext, nonce, associated_data: aad } = sealed;
        config.certs[serial] = AesGcm.decrypt(ciphertext, given.api_v3_key, nonce, aad);
      }
      return reply;
    };
    await opened.v3.certificates.get({ transformResponse: [decrypt, ...transformResponse] });
    return config.certs;
  },

  /** A notification read by the plugin's README: clock, key by serial, signature over the raw body, AEAD. */
  notification(headers, body) {
    const timestamp = headers['wechatpay-timestamp'];
    const late = Math.abs(Formatter.timestamp() - Number(timestamp)) > 300;
    const isKnown = headers['wechatpay-serial'] === keyId;
    const signed = Formatter.response(timestamp, headers['wechatpay-nonce'], body);
    if (late || !isKnown || !Rsa.verify(signed, headers['wechatpay-signature'], wechatKey)) {
      return { isGenuine: false, late, isKnown };
    }
    const message = JSON.parse(body);
    const { ciphertext, nonce, associated_data: aad } = message.resource;
    const resource = JSON.parse(AesGcm.decrypt(ciphertext, given.api_v3_key, nonce, aad));
    return { isGenuine: true, message, resource };
  },

  /** What `wx.requestPayment` takes for a prepay_id. */
  invoke(prepayId) {
    const [timeStamp, nonceStr] = [String(Formatter.timestamp()), Formatter.nonce()];
    const told = { appId: given.appid, timeStamp, nonceStr, package: `prepay_id=${prepayId}` };
    const paySign = Rsa.sign(Formatter.joinedByLineFeed(...Object.values(told)), merchantKey);
    return { ...told, signType: 'RSA', paySign };
  },

  encrypt: (text) => Rsa.encrypt(text, wechatKey),
  decrypt: (sealed) => Rsa.decrypt(sealed, merchantKey),
};

converse(verbs, ({ code, response }) => ({ code, status: response?.status, data: response?.data }));
