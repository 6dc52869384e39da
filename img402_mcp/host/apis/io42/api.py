from img402_mcp.host.apis.api import Api
from img402_mcp.host.apis.io42 import openapi, submit

API = Api(submit.routes, openapi.paths, openapi.SCHEMAS, openapi.SECURITY, {submit.PUT_PATH: "submission"})
