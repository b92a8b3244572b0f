// Makes test/helm/schemas/: a JSON schema for each kind that the chart renders, strict (unknown fields are refused) and for use
// without a network. The sources are Go modules: Kubernetes' own OpenAPI documents, and the CRDs of those who have them.
// Descriptions are left out. GKE's kinds are in no Go module:
// their schemas are written by hand.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartCrds, moduleFolder } from './chart-crds.mjs';

const KUBERNETES = 'k8s.io/kubernetes@v1.34.4';
const KINDS = {
  api__v1: ['ConfigMap', 'Pod', 'Secret', 'Service', 'ServiceAccount'],
  apis__apps__v1: ['Deployment'],
  apis__autoscaling__v2: ['HorizontalPodAutoscaler'],
  apis__batch__v1: ['Job'],
  'apis__networking.k8s.io__v1': ['Ingress', 'NetworkPolicy'],
  apis__policy__v1: ['PodDisruptionBudget'],
  'apis__rbac.authorization.k8s.io__v1': ['Role', 'RoleBinding'],
};

const out = join(import.meta.dirname, '../test/helm/schemas');
mkdirSync(out, { recursive: true });

const kubernetes = moduleFolder(KUBERNETES);
for (const [file, kinds] of Object.entries(KINDS)) {
  const document = JSON.parse(readFileSync(join(kubernetes, 'api/openapi-spec/v3', `${file}_openapi.json`), 'utf8'));
  for (const kind of kinds) write(kind, groupVersionOf(file), selfContained(document.components.schemas, kind, file));
}
for (const { crd, kind, version } of chartCrds()) {
  const { schema } = crd.spec.versions.find(({ name }) => name === version);
  const { group } = crd.spec;
  const strict = tidy(schema.openAPIV3Schema);
  Object.assign(strict.properties, {
    apiVersion: { const: `${group}/${version}` },
    kind: { const: kind },
    metadata: { type: 'object' },
  });
  strict.required = [...new Set([...(strict.required ?? []), 'apiVersion', 'kind', 'metadata'])];
  write(kind, `${group.split('.')[0]}-${version}`, strict);
}

/** The names that kubeconform asks for: `apps-v1` for `apis__apps__v1`, `v1` for `api__v1`, and of a group its first word. */
function groupVersionOf(file) {
  const [group, version] = file.replace(/^apis?__/, '').split('__');
  return version ? `${group.split('.')[0]}-${version}` : group;
}

/** The schema of a kind with those that it refers to. */
function selfContained(schemas, kind, file) {
  const [, version] = /__(v[^_]*)$/.exec(file);
  const isWanted = ({ 'x-kubernetes-group-version-kind': kinds = [] }) =>
    kinds.length === 1 && kinds[0].kind === kind && kinds[0].version === version;
  const root = Object.keys(schemas).find((name) => isWanted(schemas[name]));
  const { group } = schemas[root]['x-kubernetes-group-version-kind'][0];
  const definitions = {};
  const take = (name) => {
    if (definitions[name]) return;
    definitions[name] = {};
    definitions[name] = tidy(schemas[name], take);
  };
  take(root);
  const schema = definitions[root];
  delete definitions[root];
  schema.properties.apiVersion = { const: group ? `${group}/${version}` : version };
  schema.properties.kind = { const: kind };
  schema.required = [...new Set([...(schema.required ?? []), 'apiVersion', 'kind', 'metadata'])];
  // what the API server alone writes
  delete schema.properties.status;
  return { ...schema, $defs: definitions };
}

/** Without descriptions and extensions; unknown fields are refused wherever fields are listed. */
function tidy(schema, onReference = () => {}) {
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    onReference(name);
    return { $ref: `#/$defs/${name}` };
  }
  if (schema.allOf?.length === 1 && schema.allOf[0].$ref) return tidy(schema.allOf[0], onReference);
  if (schema['x-kubernetes-int-or-string'] || schema.format === 'int-or-string') return { type: ['integer', 'string'] };
  // Quantity and the like: a number in YAML is fine
  if (schema.oneOf?.every(({ type }) => type === 'string' || type === 'number')) return { type: ['string', 'number'] };
  const result = {};
  for (const key of [
    'type',
    'enum',
    'pattern',
    'required',
    'minItems',
    'maxItems',
    'minimum',
    'maximum',
    'minLength',
    'maxLength',
  ]) {
    if (schema[key] !== undefined) result[key] = schema[key];
  }
  if (schema.nullable && result.type) result.type = [result.type, 'null'];
  if (schema.items) result.items = tidy(schema.items, onReference);
  if (schema.properties) {
    result.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, value]) => [name, tidy(value, onReference)]),
    );
    if (!schema['x-kubernetes-preserve-unknown-fields']) result.additionalProperties = false;
  }
  if (typeof schema.additionalProperties === 'object') {
    result.additionalProperties = tidy(schema.additionalProperties, onReference);
  }
  return result;
}

function write(kind, groupVersion, schema) {
  const path = join(out, `${kind.toLowerCase()}-${groupVersion}.json`);
  writeFileSync(path, `${JSON.stringify(schema)}\n`);
  console.log(`${path.slice(out.length + 1)}  ${(JSON.stringify(schema).length / 1024).toFixed(0)} kB`);
}
