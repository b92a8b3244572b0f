import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Client, closeAll, connect } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

let server: Lifted;
let User: App;

beforeAll(async () => {
  server = await lift(
    {
      hooks: { orm: require('sails-hook-orm') },
      datastores: { default: { adapter: require('sails-disk'), inMemoryOnly: true } },
      models: {
        migrate: 'drop',
        attributes: { id: { type: 'number', autoIncrement: true } },
        dataEncryptionKeys: { default: 'kWfD0O/y5xWFcd5RC4vJNmnqDcjmiaPcZzHgFQCWnYY=' },
      },
      blueprints: { rest: true, shortcuts: false, actions: false },
      routes: {
        'PUT /subscribe/:id': (req: App, res: App) => {
          User.subscribe(req, [Number(req.param('id'))]);
          res.ok();
        },
        'DELETE /subscribe/:id': (req: App, res: App) => {
          User.unsubscribe(req, [Number(req.param('id'))]);
          res.ok();
        },
        'POST /publish/:id': (req: App, res: App) => {
          User.publish(
            [Number(req.param('id'))],
            { verb: 'updated', data: { status: 'online' } },
            req.param('omitMe') ? req : undefined,
          );
          res.ok();
        },
      },
    },
    {
      'api/models/User.js': `module.exports = { attributes: { name: { type: 'string' }, pets: { collection: 'pet', via: 'owner' } } };`,
      'api/models/Pet.js': `module.exports = { attributes: { name: { type: 'string' }, owner: { model: 'user' } } };`,
    },
  );
  User = server.app.models.user;
});

afterEach(closeAll);
afterAll(lowerAll);

async function listener(): Promise<{ client: Client; heard: App[] }> {
  const client = await connect('sails.io.js', server.url);
  const heard: App[] = [];
  client.on('user', (message) => heard.push(message));
  client.on('pet', (message) => heard.push({ pet: message }));
  return { client, heard };
}

describe('Resourceful PubSub on this hook', () => {
  it('subscribe, publish, unsubscribe, getRoomName', async () => {
    const { id } = await User.create({ name: 'Ada' }).fetch();
    const [a, b] = await Promise.all([listener(), listener()]);
    await a.client.request('put', `/subscribe/${id}`);
    expect(server.app.io.sockets.adapter.rooms.get(User.getRoomName(id)).size).toBe(1);
    await b.client.request('post', `/publish/${id}`);
    await a.client.request('post', `/publish/${id}`, { omitMe: true });
    await a.client.request('delete', `/subscribe/${id}`);
    await b.client.request('post', `/publish/${id}`);
    await a.client.request('get', '/user');
    expect(a.heard).toEqual([{ verb: 'updated', data: { status: 'online' } }]);
    expect(b.heard).toEqual([]);
  });

  it("the blueprints' own messages", async () => {
    const [watcher, actor] = await Promise.all([listener(), listener()]);
    await watcher.client.request('get', '/user');
    const created = watcher.client.next('user');
    const { body } = await actor.client.request('post', '/user', { name: 'Grace' });
    const { id } = body as App;
    expect(await created).toMatchObject({ verb: 'created', id, data: { name: 'Grace' } });

    const updated = watcher.client.next('user');
    await actor.client.request('patch', `/user/${id}`, { name: 'Hopper' });
    expect(await updated).toMatchObject({ verb: 'updated', id, data: { name: 'Hopper' } });

    const pet = (await actor.client.request('post', '/pet', { name: 'Rex' })).body as App;
    const added = watcher.client.next('user');
    await actor.client.request('put', `/user/${id}/pets/${pet.id}`);
    expect(await added).toMatchObject({ verb: 'addedTo', id, attribute: 'pets', addedId: pet.id });

    const removed = watcher.client.next('user');
    await actor.client.request('delete', `/user/${id}/pets/${pet.id}`);
    expect(await removed).toMatchObject({ verb: 'removedFrom', id, attribute: 'pets', removedId: pet.id });

    const destroyed = watcher.client.next('user');
    await actor.client.request('delete', `/user/${id}`);
    expect(await destroyed).toMatchObject({ verb: 'destroyed', id });
  });
});
