/**
 * alipay-sdk as a merchant's server would use it. A verb is a method of the SDK.
 *
 * node alipay_sdk.js CREDENTIALS_FILE key|certificate|wrong_key
 *
 * `wrong_key` signs with the private key of the merchant's other application. Must not know: what a test expects.
 */
'use strict';

const { readFileSync } = require('node:fs');
const { AlipaySdk } = require('alipay-sdk');
const { converse } = require('./conversation.js');

const [, , file, mode] = process.argv;
const { alipay: given } = JSON.parse(readFileSync(file, 'utf8'));

const byKey = { appId: given.app_id, privateKey: given.app_private_key, alipayPublicKey: given.alipay_public_key };
const modes = {
  key: byKey,
  wrong_key: { ...byKey, privateKey: given.app_cert_private_key },
  certificate: {
    appId: given.app_id_cert,
    privateKey: given.app_cert_private_key,
    appCertContent: given.app_cert,
    alipayPublicCertContent: given.alipay_cert,
    alipayRootCertContent: given.alipay_root_cert,
  },
};
const chosen = modes[mode];
const sdk = new AlipaySdk({
  ...chosen,
  /** The SDK cuts the armour off only where the END line is the very last one. */
  privateKey: chosen.privateKey.trim(),
  keyType: chosen.privateKey.includes('BEGIN PRIVATE KEY') ? 'PKCS8' : 'PKCS1',
  gateway: given.gateway_url,
  endpoint: given.endpoint,
  encryptKey: given.aes_key,
  camelcase: false,
});

const NAMES = [
  'exec', 'curl', 'pageExecute', 'sdkExecute', 'checkNotifySign', 'checkNotifySignV2', 'rsaCheck', 'aesDecrypt',
];
const verbs = Object.fromEntries(NAMES.map((name) => [name, (...words) => sdk[name](...words)]));

converse(verbs, ({ code, responseHttpStatus: status, links }) => ({ code, status, links }));
