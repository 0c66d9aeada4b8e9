// dns.lookup (of the C library) or dns.resolve (of c-ares), as the first argument says, then a connection. See __init__.py.
"use strict";
const dns = require("dns").promises;
const net = require("net");

const [how, family, port, wait, ...names] = process.argv.slice(2);

async function lookup(name) {
    const found = await dns.lookup(name, { family: Number(family), all: true });
    return found.map((each) => each.address);
}

async function resolve(name) {
    const wanted = { 0: [dns.resolve4, dns.resolve6], 4: [dns.resolve4], 6: [dns.resolve6] }[family];
    const answers = await Promise.allSettled(wanted.map((ask) => ask(name)));
    const addresses = answers.flatMap((each) => each.value ?? []);
    if (addresses.length === 0) {
        throw answers[0].reason;
    }
    return addresses;
}

function attempt(address) {
    return new Promise((done) => {
        const socket = net.connect({ host: address, port: Number(port) });
        const end = (outcome) => {
            socket.destroy();
            done(outcome);
        };
        socket.setTimeout(Number(wait), () => end("timeout"));
        socket.on("data", () => end("answered"));
        socket.on("error", (problem) => end(problem.code));
    });
}

async function main() {
    for (const name of names) {
        try {
            for (const address of await { lookup, resolve }[how](name)) {
                console.log(`${name}\t${address}\t${await attempt(address)}`);
            }
        } catch (problem) {
            console.log(`${name}\t-\t${problem.code}`);
        }
    }
}

main();
