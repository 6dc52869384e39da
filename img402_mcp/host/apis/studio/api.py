from img402_mcp.host.apis.api import Api
from img402_mcp.host.apis.studio import openapi, uploads
from img402_mcp.wire.studio import UPLOADS

API = Api(uploads.routes, openapi.paths, openapi.SCHEMAS, openapi.SECURITY, {UPLOADS: "input"})
