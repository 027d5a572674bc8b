@main struct HiddenQ { static func main() {} }
