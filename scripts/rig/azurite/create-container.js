// Creates a blob container in azurite: one PUT signed with the account key that azurite publishes.
// Usage: node create-container.js PORT CONTAINER
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');

const [port, container] = process.argv.slice(2);
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-12-02' };
const signed = Object.keys(headers).sort().map((name) => `${name}:${headers[name]}\n`).join('');
// Shared Key: the verb, eleven standard headers (all empty here), the x-ms headers, the resource. The
// emulator has the account in its path, so the resource names it twice.
const text = `PUT\n${'\n'.repeat(11)}${signed}/${account}/${account}/${container}\nrestype:container`;
const signature = crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
headers.Authorization = `SharedKey ${account}:${signature}`;
headers['Content-Length'] = 0;

const path = `/${account}/${container}?restype=container`;
const request = http.request({ host: '127.0.0.1', port, method: 'PUT', path, headers }, (answer) => {
  let body = '';
  answer.on('data', (part) => (body += part));
  answer.on('end', () => {
    if (answer.statusCode === 201 || answer.statusCode === 409) return;
    console.error(`azurite answered ${answer.statusCode}: ${body}`);
    process.exitCode = 1;
  });
});
request.on('error', (error) => {
  console.error(`azurite: ${error.message}`);
  process.exitCode = 1;
});
request.end();
