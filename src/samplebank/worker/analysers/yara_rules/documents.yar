rule VBA_Auto_Open_And_Shell
{
    meta:
        description = "A macro in plain text runs by itself and starts a program"
        score = 80
        assessment = "malicious"
    strings:
        $auto = /\bSub\s+(Auto_?Open|Document_Open|Workbook_Open|AutoExec|Auto_?Close|Document_Close)\b/ nocase
        $shell = /\b(Shell\s*\(|CreateObject\s*\(\s*"(WScript\.Shell|Shell\.Application)"|ShellExecute)/ nocase
    condition:
        $auto and $shell
}

rule Office_Compound_File_With_Macros
{
    meta:
        description = "An Office document of the old format contains macros"
        score = 30
        assessment = "unknown"
    strings:
        $project = "_VBA_PROJECT" wide
    condition:
        uint32be(0) == 0xD0CF11E0 and $project
}

rule Office_Macro_Document
{
    meta:
        description = "An Office document of the new format contains macros"
        score = 30
        assessment = "unknown"
    strings:
        $project = /\/vbaProject\.bin/ nocase
        $types = "[Content_Types].xml"
    condition:
        uint32be(0) == 0x504B0304 and $project and $types
}

rule RTF_Embedded_Object_Update
{
    meta:
        description = "An RTF document loads an embedded object by itself"
        score = 65
        assessment = "unknown"
    strings:
        // Word skips blanks before the start; a backslash before a word makes the word a text about the word.
        $start = /[ \t\r\n\x0b\x0c\x00]{0,200}\{\\rt/
        $object = /[^\\]\\obj(ocx|emb|html|link)/
        $data = /[^\\]\\objdata\s{0,10}(\\[a-z]+\s?){0,5}[0-9a-fA-F]{16}/
        $update = /[^\\]\\objupdate/
    condition:
        $start at 0 and $object and $data and $update
}

rule PDF_Launch_Action
{
    meta:
        description = "A PDF document starts a program"
        score = 75
        assessment = "malicious"
    strings:
        $start = "%PDF-"
        $launch = /\/S\s*\/Launch\b/
        // In old documents, a launch action also opens another document.
        $target = /\/(Win|Unix|Mac)\s*<<|\/F\s*\([^)\r\n]{0,300}(\.|\\056)(exe|com|bat|cmd|ps1|vb[se]|jse?|wsf|hta|scr|lnk|sh|py|jar|msi|dll|cpl|pif|reg|app|command)\s*\)|\/F\s*\((\/bin|\/usr|[A-Za-z]:|\\\\)/ nocase
    condition:
        $start in (0..1024) and $launch and $target
}

rule PDF_Automatic_JavaScript
{
    meta:
        description = "A PDF document runs JavaScript when it is opened"
        score = 45
        assessment = "unknown"
    strings:
        $start = "%PDF-"
        // An open action that only turns to a page does not count.
        $open = /\/OpenAction\s*(\d{1,9}\s+\d{1,5}\s+R|<<)|\/AA\s*(\d{1,9}\s+\d{1,5}\s+R|<<)/
        $script = /\/S\s*\/JavaScript\b/
    condition:
        $start in (0..1024) and $open and $script
}

rule Shortcut_Starts_Interpreter
{
    meta:
        description = "A Windows shortcut starts a script interpreter"
        score = 65
        assessment = "unknown"
    strings:
        $interpreter = /(powershell|cmd|mshta|wscript|cscript|rundll32|regsvr32)\.exe/ nocase ascii wide
        $address = /https?:\/\// nocase ascii wide
        $encoded = /\s-e(nc|ncodedcommand)?\s/ nocase ascii wide
    condition:
        uint32(0) == 0x4C and uint32(4) == 0x00021401 and $interpreter and ($address or $encoded)
}
