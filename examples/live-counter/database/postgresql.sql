CREATE TABLE IF NOT EXISTS visit (
  id SERIAL PRIMARY KEY,
  timestamp BIGINT NOT NULL,
  "createdAt" BIGINT,
  "updatedAt" BIGINT
);

CREATE TABLE IF NOT EXISTS "user" (
  id SERIAL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  "displayName" TEXT NOT NULL,
  status TEXT NOT NULL,
  "createdAt" BIGINT,
  "updatedAt" BIGINT
);

CREATE TABLE IF NOT EXISTS message (
  id SERIAL PRIMARY KEY,
  author TEXT NOT NULL,
  text TEXT NOT NULL,
  "createdAt" BIGINT,
  "updatedAt" BIGINT
);
