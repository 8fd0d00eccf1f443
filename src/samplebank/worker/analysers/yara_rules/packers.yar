import "pe"

rule UPX_Packed_PE
{
    meta:
        description = "A Windows program packed with UPX"
        score = 30
        assessment = "unknown"
    condition:
        uint16(0) == 0x5A4D and for any section in pe.sections : ( section.name == "UPX0" or section.name == "UPX1" )
}

rule UPX_Packed_ELF
{
    meta:
        description = "An ELF program packed with UPX"
        score = 35
        assessment = "unknown"
    strings:
        $mark = "UPX!"
        $info = "$Info: This file is packed with the UPX executable packer"
    condition:
        uint32be(0) == 0x7F454C46 and ($mark in (0..4096) or $info)
}

rule Commercial_Protector_PE
{
    meta:
        description = "A Windows program protected with VMProtect, Themida or Enigma"
        score = 40
        assessment = "unknown"
    condition:
        uint16(0) == 0x5A4D and for any section in pe.sections : (
            section.name startswith ".vmp" or section.name == ".themida" or section.name == ".winlice" or
            section.name startswith ".enigma"
        )
}

rule Small_Packer_PE
{
    meta:
        description = "A Windows program packed with ASPack, MPRESS, Petite or PECompact"
        score = 40
        assessment = "unknown"
    condition:
        uint16(0) == 0x5A4D and for any section in pe.sections : (
            section.name == ".aspack" or section.name startswith ".MPRESS" or section.name == ".petite" or
            section.name startswith "PEC2"
        )
}
