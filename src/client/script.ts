// The entry of the file for a `<script>` tag: sets the global `io`, as sails.io.js does.
import { createClient } from './create-client';

Object.assign(globalThis, { io: createClient() });
