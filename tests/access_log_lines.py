"""Lines of access logs as balancers write them."""

ALB = (
    "https 2026-03-31T21:00:01.500000Z app/shop-lb/50dc6c495c0c9188 192.0.2.39:2817 10.0.0.1:80 "
    '0.100 0.300 0.100 502 - 34 366 "GET https://shop.example:443/carts/9?x=1 HTTP/2.0" "curl/7" '
    "ECDHE TLSv1.2 arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/t/7 "
    '"Root=1-58337262-36d228ad5d99923122bbe354" "shop.example" "-" 0'
)
GATEWAY = (
    '{"time":"2026-03-31T21:00:01.2Z","category":"ApplicationGatewayAccessLog","properties":'
    '{"clientIP":"192.0.2.1","httpMethod":"GET","requestUri":"/orders/17","httpStatus":404,'
    '"receivedBytes":65,"sentBytes":553,"timeTaken":0.2,"host":"shop.example"}}'
)
GCP = (
    '{"httpRequest":{"latency":"0.123456s","remoteIp":"192.0.2.1","requestMethod":"GET",'
    '"requestSize":"220","requestUrl":"https://shop.example/orders/17","responseSize":"273",'
    '"status":200},"resource":{"labels":{"backend_service_name":"orders","zone":"global"}},'
    '"spanId":"b4ee","timestamp":"2026-03-31T21:00:01.1Z","trace":"projects/p/traces/abc"}'
)
