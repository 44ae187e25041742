"""English words that people use about anything: as a word of an interest, one of them
proves little."""

from __future__ import annotations

from app.rules.reading import word_set

EVERYDAY = word_set(
    """
    advice air art audience awake back bag ball band bank bar bass bat bath beach
    beans bear beat bed bet bets big bill bit black block blood blue bluff board
    boat body book books boss bottle bottom box boy break breakfast bridge bug build
    bulbs burn bus business buy call camera camp card cards care case cast chain
    chair chance change charge charger chat check children cities city class clean
    clear climate climb clock close clothes cloud club coach coat code coffee cold
    color colour company contract cook cooking cool copy corner count country couple
    course court cross crown cup current cut cycle dark data date dating dawn day
    deal deep degree demo deposit design desk dinner dish door dose draft draw dream
    dress drill drink drinks drive driving drop drum dry dust ear earth east eat egg
    eggs end energy episode evening event ex exercise eye eyes face fall family fan
    farm fast fat father feed field fight figure file find fine finger fingers fire
    fit fix flat floor flow fly fold food foot fork form frame free fresh friend
    friends fries fruit fuel fun game games gas gear gift girl glass goal gold goods
    grade green ground group grow guide gun hair hand hands harvest head health
    heart heat heavy help hill hit hold hole holiday home hook hooks hot hotel hour
    house hunt ice idea instrument interest iron island job jump key keyboard keys
    kick kill king kitchen knife lake land language late law lawn lead leaf learn
    leave left leg lemon lesson letter level library life lift light lights like
    line link list listening live load loan lock long look loop lot love luck lunch
    machine mail make man map mark market mask master match matter meal meeting menu
    message metal mic midnight milk mind mine mix model money month moon moons
    morning mother motor mountain mouse move name nature neck needle net news night
    noise north nose note notes notice number oil old open opening order oven owl
    pack page pain paint pan paper parent park parking part partner party pass path
    pattern pay peace pedal pen people performance person phone photo pick picture
    pie piece pills pin pipe place plan plant plants plastic plate play player point
    pool pop pot pound power practice present press pressure price prize process
    product program project pull pump queen quest question quiet quiz race rain
    range rating ray rays read recipe record recording records red rent rest reviews
    rice rich ride rides right ring river road rock roll room root rose round row
    rule run safe salt sample sand sauce save savings scale scales scene school
    score screen seal season seat seed series serve server service set shape share
    shares shell shift ship shirt shoe shoes shop shot show shower side sign sing
    sister size skill sky sleep slow smoke snack snow sock soft soil sound south
    space speak speed spell spirit sport spot spring stage stamp stand star stars
    start station stay steam step stick stone stop storm story strategy stream
    street strike string studio study style sugar suit summer sun switch table tail
    talk tank tape taste tax tea team tech test text theory thread ticket tide tides
    tie time tip tired toast tool tools top touch tour town toy track trade train
    training trains trap travel treat tree trench trip truck trust turn tv type
    union unit update verse video view voice wait walk wall war wash watch water
    watering wave way weather week weight west wheel white wild wind window winter
    wire wood word work world write year young
    """
)
