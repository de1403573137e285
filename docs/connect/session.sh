#!/bin/sh
# A new session with one participant: prints what the programs beside this one want to know.
URL=${URL:-http://localhost:4000}

field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }

SESSION=$(curl -sS -d '{"name": "Walk"}' "$URL/api/sessions" | field session_id)
TOKEN=$(curl -sS -d '{"display_name": "Ada"}' "$URL/api/sessions/$SESSION/join" | field websocket_token)

echo "export URL=$URL SESSION=$SESSION TOKEN=$TOKEN"
