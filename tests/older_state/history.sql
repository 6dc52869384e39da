BEGIN TRANSACTION;
CREATE TABLE uploads (
            serial INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL, path TEXT NOT NULL, source TEXT NOT NULL, sent TEXT NOT NULL,
            url TEXT NOT NULL, id TEXT NOT NULL, api TEXT NOT NULL, terms TEXT NOT NULL, preparation TEXT NOT NULL,
            content_type TEXT NOT NULL, size_bytes INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
            expires_at REAL, expiry_known INTEGER NOT NULL, price INTEGER NOT NULL, done TEXT NOT NULL,
            gone INTEGER NOT NULL
        ) STRICT;
INSERT INTO "uploads" VALUES(1,1.73694240400029349322e+09,'/home/ann/pictures/free.png','f3396a2e1f1d476c2cf717844c6ac8625939ec05401fa21194812704a914cba1','f3396a2e1f1d476c2cf717844c6ac8625939ec05401fa21194812704a914cba1','http://localhost/uby24cakbcmeu.png','uby24cakbcmeu','http://localhost','free','scrub fit','image/png',1217,48,32,NULL,1,0,'',0);
INSERT INTO "uploads" VALUES(2,1.73694240491145610811e+09,'/home/ann/pictures/paid.png','79bdad53800a27a8b8488ec52bb4b5c8331fb331f1264d2e7a340ee1d46b2e2b','79bdad53800a27a8b8488ec52bb4b5c8331fb331f1264d2e7a340ee1d46b2e2b','http://localhost/1a7kfxmcc8rmn.png','1a7kfxmcc8rmn','http://localhost','paid','scrub fit','image/png',525,48,32,NULL,1,10000,'',0);
CREATE INDEX uploads_by_source ON uploads (source, api, terms, preparation);
CREATE INDEX uploads_by_url ON uploads (url);
CREATE INDEX uploads_by_expiry ON uploads (expires_at) WHERE expires_at IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('uploads',2);
COMMIT;
PRAGMA user_version = 1;
