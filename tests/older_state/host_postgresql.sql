CREATE TABLE bought_images (
    payment character varying(64) NOT NULL,
    image_id character varying(32) NOT NULL,
    sha256 character varying(64) NOT NULL
);
CREATE TABLE chores (
    name character varying(32) NOT NULL,
    due_at bigint NOT NULL
);
CREATE TABLE daily_counts (
    day date NOT NULL,
    who character varying(64) NOT NULL,
    uploads bigint NOT NULL
);
CREATE TABLE hourly_counts (
    hour bigint NOT NULL,
    who character varying(64) NOT NULL,
    requests bigint NOT NULL
);
CREATE TABLE images (
    id character varying(32) NOT NULL,
    extension character varying(8) NOT NULL,
    size_bytes bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    paid boolean NOT NULL
);
CREATE TABLE io42_agents (
    id character varying(32) NOT NULL,
    name character varying(64) NOT NULL,
    key_hash character varying(64) NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE io42_projects (
    id character varying(64) NOT NULL,
    fee bigint NOT NULL,
    status character varying(32) NOT NULL,
    kind character varying(32) NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE io42_submissions (
    id character varying(64) NOT NULL,
    project_id character varying(64) NOT NULL,
    agent_id character varying(32) NOT NULL,
    created_at bigint NOT NULL,
    media_id character varying(32),
    file_name character varying(255),
    file_type character varying(32),
    file_size bigint,
    asked_at bigint,
    url_expires_at bigint,
    image_id character varying(32),
    completed_at bigint
);
CREATE TABLE payments (
    key character varying(64) NOT NULL,
    network character varying(32) NOT NULL,
    payer character varying(42) NOT NULL,
    nonce character varying(66) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    identifier_hash character varying(64),
    product character varying(128) NOT NULL,
    amount bigint NOT NULL,
    state character varying(16) NOT NULL,
    attempts integer NOT NULL,
    leased_until bigint NOT NULL,
    reserved_at bigint NOT NULL,
    settlement character varying(256) NOT NULL
);
CREATE TABLE play_spent (
    payer character varying(42) NOT NULL,
    value bigint NOT NULL
);
CREATE TABLE play_transfers (
    payer character varying(42) NOT NULL,
    nonce character varying(66) NOT NULL,
    payee character varying(42) NOT NULL,
    value bigint NOT NULL
);
CREATE TABLE private_images (
    id character varying(32) NOT NULL,
    extension character varying(8) NOT NULL,
    size_bytes bigint NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE schema_version (
    version integer NOT NULL
);
CREATE TABLE studio_tokens (
    id character varying(32) NOT NULL,
    name character varying(64) NOT NULL,
    token_hash character varying(64) NOT NULL,
    may_upload boolean NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE upload_tokens (
    hash character varying(64) NOT NULL,
    payment character varying(64) NOT NULL,
    number integer NOT NULL,
    expires_at bigint NOT NULL
);
INSERT INTO bought_images VALUES ('fcb4facdf85dc035d2c67c204e55af1ee4377e4f7bb9c7a680a4751738337565', '5n42n721w6q22', '79bdad53800a27a8b8488ec52bb4b5c8331fb331f1264d2e7a340ee1d46b2e2b');
INSERT INTO chores VALUES ('sweep', 1736942464214);
INSERT INTO chores VALUES ('tidy', 1736945944214);
INSERT INTO daily_counts VALUES ('2025-01-15', '*', 1);
INSERT INTO daily_counts VALUES ('2025-01-15', '127.0.0.1', 1);
INSERT INTO hourly_counts VALUES (1736942400000, 'io42 1qmra1izut1ya', 2);
INSERT INTO hourly_counts VALUES (1736942400000, 'io42 *', 2);
INSERT INTO hourly_counts VALUES (1736942400000, 'studio wxgwic6pjgfy2', 1);
INSERT INTO hourly_counts VALUES (1736942400000, 'studio *', 1);
INSERT INTO images VALUES ('mn4zuno58u7lr', 'png', 1217, 1736942404287, NULL, false);
INSERT INTO images VALUES ('5n42n721w6q22', 'png', 525, 1736942404820, NULL, true);
INSERT INTO io42_agents VALUES ('1qmra1izut1ya', 'painter', 'e5f04008dece5f8825d427e1d7554874d577c2c731c0a2c9b87001d9ad6853cf', 1795895294424);
INSERT INTO io42_projects VALUES ('logos', 250000, 'open', 'image', 1795895295194);
INSERT INTO io42_submissions VALUES ('sub_1', 'logos', '1qmra1izut1ya', 1795895296084, 'mb1ic96mo3va8', 'sub_1.png', 'image/png', 358, 1736942404875, 1736944204000, 'sb98wbloiclxd', 1736942404886);
INSERT INTO payments VALUES ('fcb4facdf85dc035d2c67c204e55af1ee4377e4f7bb9c7a680a4751738337565', 'eip155:84532', '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', '0x1ca62b20ed620902abe6c4e81f3d8cc95abe23b908ea13e70fb66f16cb7570a7', '06043acf396d50c5a8299a5e6ff08d6ef6a4b813cf1fab38f1f8617aea44bf5d', '2351b1e88c8bb0040253b1cc7081b8d62cc4f5ba06ec5df992a788ceddebfbb9', 'img402 upload', 10000, 'paid', 1, 1736942410803, 1736942404801, 'PLAY MONEY 167b89e6c2f45864ae5377ab50fe587a');
INSERT INTO payments VALUES ('0a9cbbaf71f1c9fed83a9d1a42be6d91aa71da4dce9e634c9521399ce925dd5d', 'eip155:84532', '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', '0x72834c70ff27861197cca89fb7c7047d1bf4d2e59c96c2a9737744df97ac0a1e', 'a044b58f18059c81eecce336618945d60430712d0671dac0b2177c91cb3d2119', 'cc6bf43cf219da4153fe0ec6c71c13286b991fb482a2bf5ab1e70a1632704195', 'once: io42 sub_1', 250000, 'paid', 1, 1736942410866, 1736942404865, 'PLAY MONEY c3445072dc2b8e71eea9ee9e18dcb07e');
INSERT INTO payments VALUES ('1f3d1e66618932984e6819578ab46f7289ae469fc4481f8a324f54ae75b200fb', 'eip155:84532', '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', '0x9019db0d745ba066eae3da723eae192309ce6d73809e0e455958c8eb0f169207', '351fb38c530bb667454aafc857f9e1d98064f8b952c94951e06a8328cc73fb6b', 'fa57ccbbb4d13f8b22b96d61c1d0a4082ab4fa100b1fff0096b018d5e92b4c4f', 'img402 upload', 10000, 'paid', 1, 1736942410917, 1736942404916, 'PLAY MONEY 2e1764e65a500c5973add06f7465e01c');
INSERT INTO payments VALUES ('25dc9e2e181db97aac30ca94ff8080ebbebac08ef73406f8cc951c113fe618cf', 'eip155:84532', '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', '0x4b40d08f84dd6a61a9fb75436315d53e353aa287f1c8601758c6138ab3af1c3e', 'f59fce8aade4eab2c373da371ce5ae858ee0af4753a61c752496969ba95bea76', 'fdfb15845ee97fa1c332aa69fe17989d8cb74d4597c7609a0abf666fb62db9ec', 'img402 upload', 10000, 'paid', 1, 1736942410948, 1736942404947, 'PLAY MONEY 30f0e7f8ad0788a9ee72b9fac8b8c10f');
INSERT INTO play_spent VALUES ('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', 280000);
INSERT INTO play_transfers VALUES ('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', '0x1ca62b20ed620902abe6c4e81f3d8cc95abe23b908ea13e70fb66f16cb7570a7', '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', 10000);
INSERT INTO play_transfers VALUES ('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', '0x72834c70ff27861197cca89fb7c7047d1bf4d2e59c96c2a9737744df97ac0a1e', '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', 250000);
INSERT INTO play_transfers VALUES ('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', '0x9019db0d745ba066eae3da723eae192309ce6d73809e0e455958c8eb0f169207', '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', 10000);
INSERT INTO play_transfers VALUES ('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', '0x4b40d08f84dd6a61a9fb75436315d53e353aa287f1c8601758c6138ab3af1c3e', '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', 10000);
INSERT INTO private_images VALUES ('sb98wbloiclxd', 'png', 358, 1736942404886);
INSERT INTO private_images VALUES ('a2x7tg40ybqku', 'jpg', 1405, 1736942404899);
INSERT INTO schema_version VALUES (2);
INSERT INTO studio_tokens VALUES ('wxgwic6pjgfy2', 'app', '4d578f1dec3b5134dd5befa688d293d06f0a5699ac799fd3005f83440f604f1f', true, 1795895296497);
INSERT INTO upload_tokens VALUES ('ddd95622cc0f75b6f882a03608a4d3f45c46ead0805db90ec48fcc87eaaf4053', 'fcb4facdf85dc035d2c67c204e55af1ee4377e4f7bb9c7a680a4751738337565', 1, 1736943004814);
INSERT INTO upload_tokens VALUES ('14b61a2d1f0095937371be0bd23223a7f9eda6b2b4a3ea78af45b57d7367ab43', '1f3d1e66618932984e6819578ab46f7289ae469fc4481f8a324f54ae75b200fb', 1, 1736943004926);
INSERT INTO upload_tokens VALUES ('1dea034faae5908a31e1897f1cc55c3c9e7ea7e572384105a34dc8563b16dcf3', '25dc9e2e181db97aac30ca94ff8080ebbebac08ef73406f8cc951c113fe618cf', 1, 1736943004958);
ALTER TABLE ONLY bought_images
    ADD CONSTRAINT bought_images_pkey PRIMARY KEY (payment);
ALTER TABLE ONLY chores
    ADD CONSTRAINT chores_pkey PRIMARY KEY (name);
ALTER TABLE ONLY daily_counts
    ADD CONSTRAINT daily_counts_pkey PRIMARY KEY (day, who);
ALTER TABLE ONLY hourly_counts
    ADD CONSTRAINT hourly_counts_pkey PRIMARY KEY (hour, who);
ALTER TABLE ONLY images
    ADD CONSTRAINT images_pkey PRIMARY KEY (id);
ALTER TABLE ONLY io42_agents
    ADD CONSTRAINT io42_agents_key_hash_key UNIQUE (key_hash);
ALTER TABLE ONLY io42_agents
    ADD CONSTRAINT io42_agents_name_key UNIQUE (name);
ALTER TABLE ONLY io42_agents
    ADD CONSTRAINT io42_agents_pkey PRIMARY KEY (id);
ALTER TABLE ONLY io42_projects
    ADD CONSTRAINT io42_projects_pkey PRIMARY KEY (id);
ALTER TABLE ONLY io42_submissions
    ADD CONSTRAINT io42_submissions_media_id_key UNIQUE (media_id);
ALTER TABLE ONLY io42_submissions
    ADD CONSTRAINT io42_submissions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY payments
    ADD CONSTRAINT payments_payer_identifier_hash_key UNIQUE (payer, identifier_hash);
ALTER TABLE ONLY payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (key);
ALTER TABLE ONLY play_spent
    ADD CONSTRAINT play_spent_pkey PRIMARY KEY (payer);
ALTER TABLE ONLY play_transfers
    ADD CONSTRAINT play_transfers_pkey PRIMARY KEY (payer, nonce);
ALTER TABLE ONLY private_images
    ADD CONSTRAINT private_images_pkey PRIMARY KEY (id);
ALTER TABLE ONLY studio_tokens
    ADD CONSTRAINT studio_tokens_name_key UNIQUE (name);
ALTER TABLE ONLY studio_tokens
    ADD CONSTRAINT studio_tokens_pkey PRIMARY KEY (id);
ALTER TABLE ONLY studio_tokens
    ADD CONSTRAINT studio_tokens_token_hash_key UNIQUE (token_hash);
ALTER TABLE ONLY upload_tokens
    ADD CONSTRAINT upload_tokens_payment_number_key UNIQUE (payment, number);
ALTER TABLE ONLY upload_tokens
    ADD CONSTRAINT upload_tokens_pkey PRIMARY KEY (hash);
CREATE INDEX ix_images_expires_at ON images USING btree (expires_at);
CREATE UNIQUE INDEX one_payment ON payments USING btree (product) WHERE (substr((product)::text, 1, 6) = 'once: '::text);
ALTER TABLE ONLY io42_submissions
    ADD CONSTRAINT io42_submissions_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES io42_agents(id);
ALTER TABLE ONLY io42_submissions
    ADD CONSTRAINT io42_submissions_project_id_fkey FOREIGN KEY (project_id) REFERENCES io42_projects(id);
