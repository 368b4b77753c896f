/**
 * Passwords that are tried first, everywhere: of the most used ones those that are long enough to be taken at all.
 * Compared without regard to case, and to digits and signs at the end, which is where people add them.
 */
const common = new Set(
  `password passw0rd p@ssword p@ssw0rd pa55word passwort motdepasse contrasena mypassword password1 yourpassword
  thepassword newpassword oldpassword administrator administrador adminadmin admin123 rootroot superuser superman
  spiderman batman123 starwars pokemon1 princess princess1 sunshine sunshine1 football football1 baseball basketball
  softball hockey123 iloveyou iloveyou1 iloveu123 loveyou1 trustno1 welcome1 welcome123 letmein1 letmein123 letmeinnow
  whatever whatever1 computer computer1 internet samsung1 changeme changeit default1 testtest test1234 test12345
  testing1 temp1234 temppass guest123 user1234 username login123 secret123 topsecret mysecret access14 dragon12
  monkey123 shadow12 master12 michelle jennifer charlie1 jonathan danielle alexander victoria elizabeth benjamin
  mercedes corvette mustang1 porsche1 liverpool chelsea1 arsenal1 barcelona midnight blink182 butterfly chocolate
  cheese123 pussycat kittycat blahblah nothing1 something freedom1 security creative asdfasdf asdf1234 asdfghjk
  asdfghjkl asdfqwer qwerasdf qwerty12 qwerty123 qwertyui qwertyuio qwertyuiop qwertyqwerty qwertz123 qwertzui qwertzuiop
  azertyui azertyuiop zxcvbnm1 zxcvbnm123 zxcvzxcv zaq12wsx zaq1zaq1 1qaz2wsx 1qazxsw2 1qaz2wsx3edc qazwsxedc qweasdzxc
  1q2w3e4r 1q2w3e4r5t q1w2e3r4 q1w2e3r4t5 qwer1234 1234qwer 123qweasd 123456qwerty abcd1234 abc12345 abcdefgh abcdefghi
  a1b2c3d4 aa123456 abc123456 1234abcd 12345678 123456789 1234567890 12345678910 123123123 1234512345 12341234 123454321
  12344321 123321123 987654321 87654321 0987654321 0123456789 01234567 11111111 00000000 88888888 99999999 22222222
  11223344 1122334455 112233445566 12121212 13131313 69696969 147258369 159753456 789456123 741852963 963852741
  14725836 31415926 aaaaaaaa xxxxxxxx zzzzzzzz`.split(/\s+/),
)

export function isCommonPassword(password: string): boolean {
  const plain = password.normalize('NFKC').toLowerCase().trim()

  return common.has(plain) || common.has(plain.replace(/[\d!?.@#$*_-]+$/, '')) || new Set(plain).size === 1
}
