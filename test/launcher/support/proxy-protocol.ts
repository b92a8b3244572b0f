import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Whom a header names. */
export interface Named {
  address: string;
  port: number;
}

export function version1({ address, port }: Named): Buffer {
  const family = address.includes(':') ? 'TCP6' : 'TCP4';
  return Buffer.from(`PROXY ${family} ${address} ${address} ${port} 443\r\n`, 'latin1');
}

const VERSION_2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** @param command 0x21 to speak for a client, 0x20 for the proxy's own connections */
export function version2({ address, port }: Named, command = 0x21): Buffer {
  const isV6 = address.includes(':');
  const bytes = isV6 ? bytesOfIPv6(address) : Buffer.from(address.split('.').map(Number));
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(port, 0);
  ports.writeUInt16BE(443, 2);
  // a field that proxies add and that is to be skipped: 0x04, "no operation"
  const field = Buffer.from([0x04, 0, 3, 1, 2, 3]);
  const body = Buffer.concat([bytes, bytes, ports, field]);
  const head = Buffer.from([command, isV6 ? 0x21 : 0x11, 0, body.length]);
  return Buffer.concat([VERSION_2, head, body]);
}

/** Full form only. */
function bytesOfIPv6(address: string): Buffer {
  return Buffer.from(
    address
      .split(':')
      .map((group) => group.padStart(4, '0'))
      .join(''),
    'hex',
  );
}

/** A proxy that passes TCP connections on, each with a header that names the client. */
export class TcpProxy {
  readonly #server;
  readonly #open = new Set<Socket>();

  private constructor(target: () => number, header: (from: Socket) => Buffer, localAddress: string | undefined) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const far = connect({ port: target(), host: '127.0.0.1', localAddress, allowHalfOpen: true, noDelay: true });
      for (const socket of [client, far]) {
        this.#open.add(socket);
        socket.on('error', () => {});
        socket.once('close', () => {
          this.#open.delete(socket);
          client.destroy();
          far.destroy();
        });
      }
      const bytes = header(client);
      // in three packets
      far.write(bytes.subarray(0, 3));
      setTimeout(() => {
        far.write(bytes.subarray(3, 15));
        setTimeout(() => {
          far.write(bytes.subarray(15));
          client.pipe(far);
        }, 5);
      }, 5);
      far.pipe(client);
    });
  }

  /**
   * @param targets ports that take connections in turn, or what gives the port for the next one
   * @param header what a connection begins with
   * @param localAddress its own address
   */
  static async start(
    targets: number[] | (() => number),
    header: (from: Socket) => Buffer,
    localAddress?: string,
  ): Promise<TcpProxy> {
    let next = 0;
    const inTurn = (ports: number[]) => () => ports[next++ % ports.length] as number;
    const proxy = new TcpProxy(typeof targets === 'function' ? targets : inTurn(targets), header, localAddress);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
