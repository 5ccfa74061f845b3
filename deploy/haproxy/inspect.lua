-- Two filters that read the bodies of requests as they pass, and end a request that would crash a server: docs/replicas.md.
-- The caller gets 400, and no server gets the end of the request. Bodies are not kept: the longest text kept is a chunk.

local MOST_NESTING = 64 -- Triton since 25.05 allows 100
local MOST_STEPS = 200000 -- brackets, quotation marks and escapes; they cost this proxy time
local MOST_FIELDS = 10000 -- of a message
local LONGEST_TEXT = 1000 -- of a key, or of a shape
local LARGEST_MESSAGE = 2 ^ 26 -- as for HTTP: haproxy.cfg
local LARGEST_OUTPUT = 2 ^ 16 -- the name and the parameters of a requested output

-- JSON: no deep nesting, no parameter `classification`, and no shape of more elements than the body has bytes. Triton
-- 24.10 reserves memory by the shape before it looks for the data, of which each element has at least one byte.
local Json = {}
Json.__index = Json

function Json:new(json_bytes, body_bytes)
    return setmetatable({ left = json_bytes, most_elements = body_bytes, depth = 0, steps = 0, text = "" }, Json)
end

-- A key may be written with escapes, such as \u0073hape.
local function unescaped(text)
    return (text:gsub("\\u00(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

local function elements(shape)
    local product = 1.0
    for number in shape:gmatch("%d+") do product = product * tonumber(number) end
    return product
end

-- The place of the next such character: the last one found, if it is still ahead.
local function next_of(character, bytes, position, found)
    return found >= position and found or bytes:find(character, position, true) or #bytes + 1
end

function Json:is_refused(bytes)
    bytes = bytes:sub(1, self.left)
    self.left = self.left - #bytes
    local position, quote, escape = 1, 0, 0
    while position <= #bytes do
        local stop = position
        if not self.in_string then
            stop = bytes:find('["%[%]{}]', position) or #bytes + 1
        elseif not self.is_escaped then
            quote, escape = next_of('"', bytes, position, quote), next_of("\\", bytes, position, escape)
            stop = math.min(quote, escape)
        end
        if #self.text <= LONGEST_TEXT then self.text = self.text .. bytes:sub(position, stop) end
        local character = bytes:sub(stop, stop)
        if character ~= "" and self:is_step_refused(character) then return true end
        position = stop + 1
    end
    return false
end

-- `text` is what stands from the end of the last string or the last bracket to this quotation mark, backslash or bracket.
function Json:is_step_refused(character)
    local text = self.text
    self.steps = self.steps + 1
    if self.in_string then
        if self.is_escaped or character == "\\" then
            self.is_escaped = not self.is_escaped
        else
            self.key, self.text, self.in_string = unescaped(text:sub(1, -2)), "", false
        end
        return self.steps > MOST_STEPS
    end
    self.text = ""
    -- As a text it is followed by one of these. A colon may come after so many blanks that `text` does not have it.
    if self.key == "classification" and not text:find("^%s*[,}%]]") then return true end
    if self.in_shape and (#text > LONGEST_TEXT or elements(text) > self.most_elements) then return true end
    self.in_shape = character == "[" and self.key == "shape"
    self.in_string = character == '"'
    if character == "[" or character == "{" then self.depth = self.depth + 1 end
    if character == "]" or character == "}" then self.depth = self.depth - 1 end
    return self.depth > MOST_NESTING or self.steps > MOST_STEPS
end

-- Protocol Buffers: the number of the field at a position, and where its content begins and ends, which may be beyond the
-- bytes at hand. nil: more bytes are needed. The number 0: no field that an honest client sends.
local function varint(bytes, position)
    local value = 0
    for index = 0, 9 do
        local byte = bytes:byte(position + index)
        if not byte then return nil end
        value = value | (byte & 127) << 7 * index
        if byte < 128 then return value, position + index + 1 end
    end
    return -1, position
end

local function field(bytes, position)
    local length, key, first = 0, varint(bytes, position)
    if not key then return nil end
    local wire = key & 7
    if wire == 0 then
        _, first = varint(bytes, first)
    elseif wire == 2 then
        length, first = varint(bytes, first)
    elseif wire == 1 or wire == 5 then
        length = wire == 1 and 8 or 4
    end
    if not first then return nil end
    if wire == 3 or wire == 4 or wire > 5 or length < 0 or key < 0 or key >= 2 ^ 32 then return 0, first, first end
    return key >> 3, first, first + length - 1
end

-- The contents of the fields of a number; nil if the message has a field that no honest client sends.
local function contents(message, wanted)
    local found, position = {}, 1
    while position <= #message do
        local number, first, last = field(message, position)
        if not number or number == 0 then return nil end
        if number == wanted then found[#found + 1] = message:sub(first, last) end
        position = last + 1
    end
    return found
end

-- An InferRequestedOutputTensor has a map of parameters in field 2; field 1 of an entry is its key.
local function is_output_refused(output)
    local parameters = contents(output, 2)
    if not parameters then return true end
    for _, entry in ipairs(parameters) do
        local keys = contents(entry, 1)
        if not keys then return true end
        for _, key in ipairs(keys) do
            if key == "classification" then return true end
        end
    end
    return false
end

-- gRPC's messages: not compressed, which would hide the content, within the limit, and no parameter `classification` of
-- an output. A ModelInferRequest has its outputs in field 6; no other request of Triton has such a field.
local Grpc = {}
Grpc.__index = Grpc

function Grpc:new()
    return setmetatable({ rest = "", left = 0, skip = 0, fields = 0 }, Grpc)
end

function Grpc:is_refused(bytes)
    local buffer, position = self.rest .. bytes, 1
    while true do
        local skipped = math.min(self.skip, #buffer - position + 1)
        position, self.skip = position + skipped, self.skip - skipped
        local length, is_refused = self:part(buffer, position)
        if is_refused then return true end
        if not length then
            self.rest = buffer:sub(position)
            return false
        end
        self.skip = length
    end
end

-- The length of the head of a message, or of its next field; nil where more bytes are needed. Whether it is refused.
function Grpc:part(buffer, position)
    local at_hand = #buffer - position + 1
    if self.left == 0 then
        if at_hand < 5 then return nil end
        local is_compressed, length = string.unpack(">BI4", buffer, position)
        self.left, self.fields = length, 0
        return 5, is_compressed ~= 0 or length > LARGEST_MESSAGE
    end
    local number, first, last = field(buffer, position)
    if not number then return nil, at_hand >= self.left end
    local length = last - position + 1
    if number == 0 or length > self.left then return nil, true end
    if number == 6 then
        if length > LARGEST_OUTPUT then return nil, true end
        if length > at_hand then return nil end
        if is_output_refused(buffer:sub(first, last)) then return nil, true end
    end
    self.left, self.fields = self.left - length, self.fields + 1
    return length, self.fields > MOST_FIELDS
end

-- Makes a filter of a function that returns the reader of a request's body, or nil.
local function register(name, reader_of)
    local Filter = { id = name, flags = filter.FLT_CFG_FL_HTX }
    Filter.__index = Filter

    function Filter:new()
        return setmetatable({}, Filter)
    end

    function Filter:http_headers(txn, message)
        if message.channel:is_resp() then return end
        self.reader = reader_of(txn)
        if self.reader then filter.register_data_filter(self, message.channel) end
    end

    function Filter:http_payload(_, message)
        if message.channel:is_resp() then return end
        local bytes = message:body()
        -- HAProxy 2.6 to 3.2 ignores filter.ERROR here. An error of the script ends the request, and is logged.
        if bytes and self.reader:is_refused(bytes) then error("request refused", 0) end
    end

    core.register_filter(name, Filter, function(made) return made end)
end

-- haproxy.cfg lets no chunked or compressed body through. The JSON of a request with binary tensors is its beginning.
register("inspect_json", function(txn)
    local body_bytes = tonumber(txn.sf:req_body_size())
    local json_bytes = txn.sf:path():find("/infer$") and tonumber(txn.sf:req_fhdr("inference-header-content-length"))
    return Json:new(json_bytes or body_bytes, body_bytes)
end)

register("inspect_grpc", function() return Grpc:new() end)
